"""Runs the web process: python -m config.servers [--host ADDRESS] [--port PORT] [--server uvicorn|daphne]."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import os
from typing import Any

from config.servers.limits import PING_EVERY_S, PONG_WITHIN_S

KEEP_ALIVE_S = 75  # clients ask each 5 s, and a proxy keeps its connections for a minute
DRAIN_WITHIN_S = 5
LONGEST_MESSAGE_BYTES = 4 << 20


def main() -> None:
    """The command line. The server is the setting WEB_SERVER's unless it is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--server", choices=("uvicorn", "daphne"))
    parser.add_argument("--application", default="config.asgi:application", help="for tests")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.conf import settings

    from config.process_metrics import shared

    shared.share(settings.METRICS_DIR)  # before anything counts
    server = options.server or str(settings.ENV.web_server)
    run = run_daphne if server == "daphne" else run_uvicorn
    run(options.application, options.host, options.port)


def run_uvicorn(application: str, host: str, port: int) -> None:
    """Until SIGTERM or Ctrl-C; sockets are closed with 1012 then (drain.py)."""
    import uvicorn
    from django.conf import settings

    from config import web_processes
    from config.servers.collector import calm_collector
    from config.servers.connections import SILENT, SILENT_MOST, SILENT_SHARE, raise_descriptors
    from config.servers.drain import DrainingServer, Plan, refusing
    from config.servers.uvicorn_http import BoundedBodies, TimedRequests
    from config.servers.uvicorn_sockets import CaptionSocket

    module, _, name = application.partition(":")
    loaded: Any = getattr(importlib.import_module(module), name)
    calm_collector()
    TimedRequests.connections_most = connections_most = raise_descriptors()
    SILENT.most = min(SILENT_MOST, connections_most // SILENT_SHARE)
    # below ERROR it logs what any client can cause: bad requests, closed connections
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    config = uvicorn.Config(
        refusing(BoundedBodies(loaded)),
        host=host, port=port, loop="asyncio", http=TimedRequests, ws=CaptionSocket, interface="asgi3",
        ws_per_message_deflate=False,  # 0.3 MB per socket
        ws_ping_interval=None,  # CaptionSocket's own
        proxy_headers=False,  # TRUST_PROXY decides, in Django
        server_header=False, log_config=None, access_log=False, workers=1,
        timeout_keep_alive=KEEP_ALIVE_S, timeout_graceful_shutdown=DRAIN_WITHIN_S,
    )  # fmt: skip
    with contextlib.suppress(KeyboardInterrupt):
        DrainingServer(config, plan=Plan.of(settings.ENV.web_drain_s), others_serve=web_processes.leave).run()


def run_daphne(application: str, host: str, port: int) -> None:
    """Until SIGTERM or Ctrl-C."""
    from daphne.cli import CommandLineInterface  # installs Twisted's reactor

    from config.servers import daphne_http, daphne_sockets
    from config.servers.connections import raise_descriptors

    raise_descriptors()
    daphne_http.install()
    daphne_sockets.install()
    CommandLineInterface().run([
        "-b", host, "-p", str(port), "--access-log", os.devnull, "--ping-interval", str(PING_EVERY_S),
        "--ping-timeout", str(PONG_WITHIN_S), "--websocket_timeout", "-1", application,
    ])  # fmt: skip


if __name__ == "__main__":
    main()
