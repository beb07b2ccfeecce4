"""The Content-Security-Policy of the pages: nothing from other hosts, nothing inline; sockets of this host are 'self', too."""

from __future__ import annotations

from typing import Any

from csp import constants as csp


def content_policy(statistics_url: str) -> dict[str, Any]:
    """django-csp's setting. `statistics_url`: whose script may run and be told of visits; empty: nobody's."""
    directives = {
        "default-src": [csp.SELF],
        "img-src": [csp.SELF, "data:"],
        "base-uri": [csp.NONE],
        "object-src": [csp.NONE],
        "form-action": [csp.SELF],
        "frame-ancestors": [csp.NONE],
    }
    if statistics_url:
        directives |= {name: [csp.SELF, statistics_url.rstrip("/")] for name in ("script-src", "connect-src")}
    return {"DIRECTIVES": directives}
