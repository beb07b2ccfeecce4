"""Metrics at a port of their own (METRICS_PORT): for processes that serve no pages, and for who asks by an address that is no host name of ours.

Of the processes that share METRICS_DIR and have the same port one serves, and another takes over when it is gone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from django.db import close_old_connections
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.registry import Collector

from config.metrics import may_read, registry

RETRY_S = 10.0
ASKS_WITHIN_S = 5.0
Answer = Callable[[str, list[tuple[str, str]]], Any]
logger = logging.getLogger(__name__)


class _Handler(WSGIRequestHandler):
    timeout = ASKS_WITHIN_S

    def log_message(self, format: str, *args: Any) -> None:
        """Whoever asks is no news."""


def serve_metrics(port: int, first: Collector, *, host: str = "") -> None:
    """Answer `GET /metrics` from a thread, as soon as the port is free; 0: not at all."""
    if port:
        threading.Thread(target=_serve, args=(host, port, first), name="metrics", daemon=True).start()


def _serve(host: str, port: int, first: Collector) -> None:
    pause, told = threading.Event(), False
    while True:
        try:
            server = make_server(host, port, _application(first), ThreadingWSGIServer, _Handler)
        except OSError as error:
            if not told:
                logger.info("metrics port is taken", extra={"port": port, "error": type(error).__name__})
            told = True
            pause.wait(RETRY_S)
            continue
        server.serve_forever()


def _application(first: Collector) -> Callable[[dict[str, Any], Answer], Iterable[bytes]]:
    def answer(environ: dict[str, Any], start_response: Answer) -> Iterable[bytes]:
        headers = {name[5:].replace("_", "-").title(): "" for name in environ if name.startswith("HTTP_")}
        if environ["PATH_INFO"] != "/metrics" or environ["REQUEST_METHOD"] != "GET":
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"GET /metrics\n"]
        if not may_read(environ.get("HTTP_AUTHORIZATION", ""), environ.get("REMOTE_ADDR", ""), headers):
            start_response("403 Forbidden", [("Content-Type", "text/plain")])
            return [b"METRICS_TOKEN is needed\n"]
        try:
            body = generate_latest(registry(first))
        finally:
            close_old_connections()
        start_response("200 OK", [("Content-Type", CONTENT_TYPE_LATEST)])
        return [body]

    return answer
