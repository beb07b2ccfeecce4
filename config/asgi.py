"""The ASGI application: HTTP to Django, WebSockets to the gateways."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import re_path

from config import bodies, database, websockets
from config.celery import publish_only

publish_only()
database.serve_web(settings.DATABASES["default"], settings.ENV)
django_application = get_asgi_application()

from gateways.conference.routing import websocket_urlpatterns  # noqa: E402  (needs the apps loaded)

bodies.install()
websockets.install()
routes = [*websocket_urlpatterns, re_path("", websockets.nowhere)]  # type: ignore[arg-type]  # not a view
application = ProtocolTypeRouter({"http": django_application, "websocket": URLRouter(routes)})
