"""The language of the pages: the visitor's choice (a cookie), else the browser's.

Wires are not touched: their answers are the same bytes in every language, so Django's middleware acts on pages alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

LOCALISED = {"pages", "admin"}


def choose_language(request: HttpRequest) -> None:
    """From here to the answer, the visitor's."""
    translation.activate(translation.get_language_from_request(request))
    request.LANGUAGE_CODE = translation.get_language()


class PageLocaleMiddleware(LocaleMiddleware):
    """Django's LocaleMiddleware for the namespaces of people; elsewhere nothing is negotiated and no header added."""

    def process_request(self, request: HttpRequest) -> None:
        """Whose page it is, is known when its view is."""

    def process_view(self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any) -> None:
        """Before the view: the language."""
        match = request.resolver_match
        if match is not None and LOCALISED.intersection(match.namespaces):
            choose_language(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Headers that say it; the next request on this thread begins in the default."""
        if not hasattr(request, "LANGUAGE_CODE"):
            return response
        answered: HttpResponseBase = super().process_response(request, response)
        translation.deactivate()
        return answered
