"""What every page is shown with: the colour scheme and the languages that a visitor may choose."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from pages.session import identity_of
from rooms.people import may_operate

THEMES = ("system", "light", "dark")
REMEMBERED_S = int(timedelta(days=365).total_seconds())


def of_page(request: HttpRequest) -> dict[str, Any]:
    """For every template. The scheme is a cookie, so that the first paint is right without a script."""
    return {
        "theme": theme_of(request),
        "languages": settings.LANGUAGES,
        "identity": identity_of(request) if hasattr(request, "user") else None,
        "statistics": _statistics(request),
        "operates": lambda: (
            hasattr(request, "user") and bool(identity_of(request)) and may_operate(request.user)
        ),
    }


def _statistics(request: HttpRequest) -> dict[str, str] | None:
    """The script that counts visits, where one does; who is signed in is no visitor."""
    env = settings.ENV
    if not env.statistics_url or (hasattr(request, "user") and identity_of(request)):
        return None
    return {
        "script": f"{env.statistics_url.rstrip('/')}/script.js", "website": str(env.statistics_website_id),
    }  # fmt: skip


def theme_of(request: HttpRequest) -> str:
    """The scheme that this browser chose, or "system"."""
    chosen = request.COOKIES.get("theme", "")
    return chosen if chosen in THEMES else THEMES[0]


def local_path(request: HttpRequest, target: str, otherwise: str = "/") -> str:
    """Where to go next, if it is on this host."""
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if safe else otherwise


@csrf_exempt  # another site may at worst change the colours
@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Remember the colour scheme; without JavaScript the page is loaded again."""
    chosen = request.POST.get("theme", "")
    response = HttpResponseRedirect(local_path(request, request.POST.get("next", "/")))
    if chosen in THEMES:
        response.set_cookie(
            "theme", chosen, max_age=REMEMBERED_S, samesite="Lax", secure=settings.CSRF_COOKIE_SECURE
        )
    return response


urlpatterns = [
    path("theme", set_theme, name="theme"),
    path("language", csrf_exempt(set_language), name="language"),
]
