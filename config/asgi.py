"""The ASGI application: HTTP to Django, WebSockets to the gateways."""

import os
import sys
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.db import connections
from django.urls import re_path

from config import database
from config.celery import publish_only
from config.servers.lifespan import Lifespan

publish_only()
connections.close_all()  # `runserver` has asked for migrations: that connection is none of the pool's
database.serve_web(settings.DATABASES["default"], settings.ENV)
django_application = get_asgi_application()

from config import metrics, web_processes, wires  # noqa: E402  (needs the apps loaded)
from config.metrics_server import serve_metrics  # noqa: E402
from config.process_metrics import shared  # noqa: E402
from gateways.common import background  # noqa: E402
from rooms import key_holders  # noqa: E402

if "daphne.server" in sys.modules:  # also where Daphne was started by itself, or by `runserver`
    from config.servers import daphne_http, daphne_sockets

    daphne_http.install()
    daphne_sockets.install()

metrics.begin()
if shared.folder is not None:  # a server, and no test
    serve_metrics(settings.ENV.metrics_port, metrics.ReadWhenAsked())
    key_holders.announce("web")


async def nowhere(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The application of paths that nobody serves: 403, and no traceback for whoever tries doors."""
    await receive()
    await send({"type": "websocket.close"})


routes = [*wires.socket_routes(), re_path("", nowhere)]  # type: ignore[arg-type]  # not a view
application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": URLRouter(routes),
        "lifespan": Lifespan(background.running, started=web_processes.join),
    }
)
