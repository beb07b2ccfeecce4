"""The socket of this wire."""

from django.urls import re_path

from gateways.speech.consumer import TranscribeConsumer

websocket_urlpatterns = [re_path(r"^v1/transcribe/?$", TranscribeConsumer.as_asgi())]
