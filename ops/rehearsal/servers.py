"""What a rehearsal's stack reaches over HTTP: the schedule's address, and an engine of translation that can be away."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

LANGS = ("de", "en", "es", "fr", "pt")


class LocalServer:
    """Listens on a port of this machine, which it keeps when it stops and starts again."""

    def __init__(self) -> None:
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self._open: set[socket.socket] = set()

    @property
    def url(self) -> str:
        """Without a path."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections; those that are open are closed."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def answer(self, path: str, body: bytes, known: str) -> tuple[bytes, str]:
        """The answer, and its ETag where it has one; `known`: that of the caller."""
        raise NotImplementedError

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        local = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                local._open.add(self.request)
                super().setup()

            def finish(self) -> None:
                local._open.discard(self.request)
                with contextlib.suppress(OSError):
                    super().finish()

            def do_GET(self) -> None:
                self._reply(b"")

            def do_POST(self) -> None:
                self._reply(self.rfile.read(int(self.headers["Content-Length"])))

            def _reply(self, body: bytes) -> None:
                known = self.headers.get("If-None-Match", "")
                answer, etag = local.answer(self.path, body, known)
                same = bool(etag) and etag == known
                self.send_response(304 if same else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "0" if same else str(len(answer)))
                if etag:
                    self.send_header("ETag", etag)
                with contextlib.suppress(OSError):  # whoever asked has gone
                    self.end_headers()
                    self.wfile.write(b"" if same else answer)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        return Handler


class ScheduleServer(LocalServer):
    """The newest version of the event's schedule."""

    def __init__(self, document: bytes = b"{}") -> None:
        super().__init__()
        self.document = document

    def answer(self, path: str, body: bytes, known: str) -> tuple[bytes, str]:
        """It, whatever the path."""
        document = self.document
        return document, f'"{hashlib.sha256(document).hexdigest()}"'


class MarkingEngine(LocalServer):
    """LibreTranslate's wire; a translation is the text with its language before it."""

    def answer(self, path: str, body: bytes, known: str) -> tuple[bytes, str]:
        """GET /languages, POST /translate."""
        if path == "/languages":
            return json.dumps([{"code": code, "name": code, "targets": LANGS} for code in LANGS]).encode(), ""
        asked = json.loads(body)
        texts = [f"[{asked['target']}] {text}" for text in asked["q"]]
        return json.dumps({"translatedText": texts}).encode(), ""
