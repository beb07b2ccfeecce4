"""The Permissions-Policy of every answer: what a page of ours may ask a browser for is a microphone, a screen that stays on, sound."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

OWN: Final = ("autoplay", "fullscreen", "microphone", "screen-wake-lock")
NOBODY: Final = (
    "accelerometer", "camera", "display-capture", "encrypted-media", "geolocation", "gyroscope", "hid", "magnetometer", "midi",
    "payment", "picture-in-picture", "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip
POLICY: Final = ", ".join([*(f"{name}=(self)" for name in OWN), *(f"{name}=()" for name in NOBODY)])


class PermissionsMiddleware:
    """Says so with each answer."""

    sync_capable, async_capable = True, False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        response.headers.setdefault("Permissions-Policy", POLICY)
        return response
