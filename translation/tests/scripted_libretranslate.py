"""A scripted LibreTranslate: a real HTTP server that speaks the recorded shapes and translates nothing ("[de] text").

It can be told to be slow, to fail, to answer garbage or too few texts, and to go away and come back on its port.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

RECORDED = Path(__file__).parent / "data" / "libretranslate"


def recorded(name: str) -> bytes:
    """A recorded answer."""
    return (RECORDED / f"{name}.json").read_bytes()


class ScriptedLibreTranslate:
    """`mode`: ok, slow, fails, garbage, few, busy, key, drips. `requests`: the bodies it was sent."""

    def __init__(self) -> None:
        self.mode = "ok"
        self.requests: list[dict[str, Any]] = []
        self.answered: list[str] = []  # the paths it was asked for, and when
        self.asked_at: list[float] = []
        self.poison = ""  # a text that it fails on
        self.retry_after = ""  # sent with a refusal, where set
        self.listed = recorded("languages")
        self.freed = threading.Event()  # ends every slow answer
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self._connections: list[socket.socket] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen, on the same port as before."""
        self.freed.clear()
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections; those that are open are closed."""
        self.freed.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._connections.clear()

    def __enter__(self) -> ScriptedLibreTranslate:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
        """Status and body of an answer."""
        self.answered.append(path)
        self.asked_at.append(time.monotonic())
        if path == "/languages":
            return 200, self.listed
        self.requests.append(body)
        if self.mode == "slow":
            self.freed.wait(10)
        failing = {
            "fails": (500, "error_500"), "busy": (429, "error_429"), "key": (403, "error_403"),
        }.get(self.mode)  # fmt: skip
        if failing:
            return failing[0], recorded(failing[1])
        if self.poison and self.poison in body["q"]:
            return 500, recorded("error_500")
        if body["target"] not in ("de", "en", "pt", "zh-Hans", "nb"):
            return 400, recorded("error_400")
        if self.mode == "garbage":
            return 200, b"<html>Bad gateway</html>"
        texts = [f"[{body['target']}] {text}" for text in body["q"]]
        return 200, json.dumps({"translatedText": texts[1:] if self.mode == "few" else texts}).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                script._connections.append(self.request)
                super().setup()

            def do_GET(self) -> None:
                self._reply({})

            def do_POST(self) -> None:
                self._reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _reply(self, body: dict[str, Any]) -> None:
                status, answer = script.answer(self.path, body)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                if status != 200 and script.retry_after:
                    self.send_header("Retry-After", script.retry_after)
                self.end_headers()
                with contextlib.suppress(OSError):  # whoever asked has given up
                    self._write(answer)

            def _write(self, answer: bytes) -> None:
                if script.mode == "drips":
                    for byte in answer:
                        if script.freed.wait(0.1):
                            return
                        self.wfile.write(bytes([byte]))
                        self.wfile.flush()
                else:
                    self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        return Handler
