"""/login and /logout."""

from __future__ import annotations

from django.contrib.auth import logout as close_session
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from pages.appearance import local_path
from pages.session import identity_of, sign_in
from rooms.errors import DomainError, Forbidden

LONGEST = 1024


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """A password, and a name where it is a user's own. The form is posted to /login/form: /login is a wire's."""
    target = local_path(request, request.POST.get("next", request.GET.get("next", "")))
    if request.method != "POST":
        if identity_of(request) is not None and "next" not in request.GET:
            return HttpResponseRedirect(target)
        return _form(request, target)
    password, name = request.POST.get("password", "")[:LONGEST], request.POST.get("name", "")[:150].strip()
    try:
        sign_in(request, password, name)
    except DomainError as error:
        return _form(request, target, error)
    return HttpResponseRedirect(target)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def logout(request: HttpRequest) -> HttpResponse:
    """A link asks, the button of the page that it leads to does it."""
    if request.method == "POST":
        close_session(request)
        return HttpResponseRedirect("/")
    return render(request, "pages/logout.html")


def _form(request: HttpRequest, target: str, error: DomainError | None = None) -> HttpResponse:
    context = {"next": target, "error": "", "name": request.POST.get("name", "")}
    if error is None:
        return render(request, "pages/login.html", context)
    status = 429 if error.code == "too_many_attempts" else 403
    if error.code == "too_many_attempts":
        context["error"] = _(
            "Too many wrong passwords came from this network. Wait a minute, then try again."
        )
    elif isinstance(error, Forbidden):
        context["error"] = _("This person may not host or organise. Ask an organiser to add you to a group.")
    elif error.retry:
        status = 503
        context["error"] = _("The server cannot check passwords right now. Try again in a few seconds.")
    else:
        context["error"] = _("This password is not right. Check for capital letters, or ask an organiser.")
    return render(request, "pages/login.html", context, status=status)


urlpatterns = [
    path("login", login, name="login"),  # config/urls.py looks first whether it is a wire's client that asks
    path("login/form", login, name="login_form"),
    path("logout", logout, name="logout"),
]
