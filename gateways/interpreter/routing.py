"""The socket of this wire."""

from django.urls import re_path

from gateways.interpreter.consumer import InterpreterConsumer

websocket_urlpatterns = [re_path(r"^ws/audio/?$", InterpreterConsumer.as_asgi())]
