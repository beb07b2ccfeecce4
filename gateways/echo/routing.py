"""The socket of this wire."""

from django.urls import re_path

from gateways.echo.socket import echo_socket

websocket_urlpatterns = [re_path(r"^ws-audio/?$", echo_socket)]  # type: ignore[arg-type]  # not a view
