"""Which pages may use a visitor's cookies on a socket: this server's own, and those that the settings name."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host


def origin_allowed(origin: str) -> bool:
    """Whether a socket's Origin is one of ours. Programs send none."""
    if not origin or origin in settings.CORS_ALLOWED_ORIGINS:
        return True
    try:
        domain, _ = split_domain_port(urlsplit(origin).netloc.lower())
    except ValueError:
        return False
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
