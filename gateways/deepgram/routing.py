"""The socket of this wire."""

from django.urls import re_path

from gateways.deepgram.consumer import ListenConsumer

websocket_urlpatterns = [re_path(r"^v1/listen/?$", ListenConsumer.as_asgi())]
