"""The socket of this wire."""

from channels.sessions import CookieMiddleware
from django.urls import re_path

from gateways.meetings.consumer import MeetingConsumer

websocket_urlpatterns = [
    re_path(r"^streaming-whisper/ws/(?P<meeting>[^/]+)/?$", CookieMiddleware(MeetingConsumer.as_asgi())),
]
