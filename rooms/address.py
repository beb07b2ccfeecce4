"""Who is calling, over HTTP or a socket."""

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str:
    """Who is calling over HTTP."""
    return caller_address(request.META.get("REMOTE_ADDR"), request.headers.get("X-Forwarded-For", ""))


def caller_address(peer: str | None, forwarded_for: str) -> str:
    """Who is calling. X-Forwarded-For counts only behind a trusted proxy, and only what that proxy added."""
    nearest = forwarded_for.rpartition(",")[2].strip() if settings.ENV.trust_proxy else ""
    return nearest or peer or ""
