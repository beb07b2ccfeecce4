"""The conference's WebSocket routes, at the root and under /backend."""

from channels.sessions import CookieMiddleware
from django.urls import re_path

from gateways.conference.consumer import RoomConsumer

# Permissive on purpose: what is missing or wrong is reported by a close reason, not by a failed handshake.
_ROOM = (
    r"^(?:backend/)?room/(?P<room_code>[^/]*)"
    r"(?:/(?P<role>[^/]*))?(?:/(?P<source_lang>[^/]*))?(?:/(?P<target_lang>[^/]*))?/?$"
)

websocket_urlpatterns = [re_path(_ROOM, CookieMiddleware(RoomConsumer.as_asgi()))]
