"""The sockets of this wire."""

from channels.sessions import CookieMiddleware
from django.urls import re_path

from gateways.captions.consumer import CaptionsConsumer
from gateways.captions.typist import TypistConsumer

websocket_urlpatterns = [
    re_path(r"^captions/hall/(?P<hall>[^/]*)/?$", CaptionsConsumer.as_asgi()),
    re_path(r"^captions/(?P<room>[^/]*)/?$", CaptionsConsumer.as_asgi()),
    re_path(r"^captions/(?P<room>[^/]*)/type/?$", CookieMiddleware(TypistConsumer.as_asgi())),
]
