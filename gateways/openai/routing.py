"""The socket of this wire."""

from django.urls import re_path

from gateways.openai.consumer import RealtimeConsumer

websocket_urlpatterns = [re_path(r"^v1/realtime/?$", RealtimeConsumer.as_asgi())]
