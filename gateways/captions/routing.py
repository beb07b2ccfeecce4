"""The sockets of this wire."""

from django.urls import re_path

from gateways.captions.consumer import CaptionsConsumer

websocket_urlpatterns = [re_path(r"^captions/(?P<room>[^/]*)/?$", CaptionsConsumer.as_asgi())]
