"""Pages are compressed; what the wires answer stays as it is."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class PageGZipMiddleware(GZipMiddleware):
    """Django's, which hides the length of what it compresses (BREACH), for HTML of the pages alone."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Text of a page that is not streamed."""
        match = request.resolver_match
        is_page = match is not None and "pages" in match.namespaces
        if (
            not is_page
            or response.streaming
            or not response.headers.get("Content-Type", "").startswith("text/html")
        ):
            return response
        compressed: HttpResponseBase = super().process_response(request, response)
        return compressed
