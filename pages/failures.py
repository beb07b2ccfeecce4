"""What a browser shows for 400, 403, 404 and 500: what happened and what to do. Programs get Django's plain answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.views import defaults

WIRES = ("/backend/",)


def wants_page(request: HttpRequest) -> bool:
    """Whether a person looks at the answer: a browser's address bar asks for HTML, a program for anything."""
    accepted = request.headers.get("Accept", "")
    return "text/html" in accepted and not request.path_info.startswith(WIRES)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    return _answer(request, 404, lambda: defaults.page_not_found(request, exception))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    return _answer(request, 403, lambda: defaults.permission_denied(request, exception))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400."""
    return _answer(request, 400, lambda: defaults.bad_request(request, exception))


def server_error(request: HttpRequest) -> HttpResponse:
    """500. Nothing is asked of PostgreSQL, whose absence may be the reason."""
    return _answer(request, 500, lambda: defaults.server_error(request))


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form without a valid token: it was open for too long, or cookies are refused."""
    return _answer(request, 403, lambda: defaults.permission_denied(request, Exception(reason)), name="csrf")


def _answer(request: HttpRequest, status: int, plain: Callable[[], Any], *, name: str = "") -> HttpResponse:
    if not wants_page(request):
        answer: HttpResponse = plain()
        return answer
    with translation.override(translation.get_language_from_request(request)):
        context = {
            "status": status,
            "kind": name or str(status),
            "theme": request.COOKIES.get("theme", "system"),
        }
        response = HttpResponse(render_to_string("pages/failure.html", context), status=status)
    patch_vary_headers(response, ("Accept", "Accept-Language", "Cookie"))
    return response
