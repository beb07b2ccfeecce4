"""Who is signed in, for pages: Django's session, opened by a password of the environment or a user's own.

A session opened with a password of the environment dies with it: it remembers the password's digest, as a login key does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import authenticate, login
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from ninja.security import SessionAuth

from rooms import access, people, throttle
from rooms.access import Identity
from rooms.address import address_of
from rooms.errors import DomainError, Forbidden, Unauthenticated
from rooms.people import Power
from rooms.web_session import DIGEST, identity_of_session

BACKEND = "rooms.passwords.MarkedBackend"
View = Callable[..., HttpResponse]


def sign_in(request: HttpRequest, password: str, name: str = "") -> Identity:
    """Open a session. Without a name the password is one of the environment; with one it is that user's own.

    Raises Unauthenticated, Forbidden (a user who may neither host nor organise), DomainError "too_many_attempts".
    """
    address = address_of(request)
    if name:
        user = authenticate(request, username=name, password=password)
        if user is None:
            throttle.count_failure(address)
            raise Unauthenticated("wrong_password")
        digest = ""
    else:
        known = access.identify_password(password, address=address)
        if known.user_id is None:
            raise DomainError("not_ready", retry=True)
        user = User.objects.get(pk=known.user_id)
        digest = people.password_digest(password)
    power = people.power_of(user)
    if power is None:
        raise Forbidden("no_power")
    login(request, user, backend=BACKEND)
    request.session[DIGEST] = digest
    return Identity(power, user.pk)


def identity_of(request: HttpRequest) -> Identity | None:
    """Who asks, as services and selectors want it; None: nobody who may more than everybody."""
    found: Identity | None
    if not hasattr(request, "_identity"):
        request._identity = identity_of_session(  # type: ignore[attr-defined]  # two queries, once a request
            request.user, request.session
        )
    found = request._identity  # type: ignore[attr-defined]
    return found


def needs(power: Power) -> Callable[[View], View]:
    """For a page: whoever is not signed in is asked to, and comes back; a host at a page of admins gets 403."""

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            identity = identity_of(request)
            if identity is None:
                query = urlencode({"next": request.get_full_path()})
                return HttpResponseRedirect(f"{reverse('pages:login')}?{query}")
            if power == "admin" and not identity.is_admin:
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return wrapped

    return decorate


class SignedIn(SessionAuth):
    """For an action under /api: the caller's Identity in `request.auth`; the CSRF token is checked."""

    def __init__(self, power: Power = "host") -> None:
        super().__init__()
        self._power = power

    def authenticate(self, request: HttpRequest, key: str | None) -> Identity | None:
        """None: 401. Raises Forbidden."""
        identity = identity_of(request)
        if identity is not None and self._power == "admin" and not identity.is_admin:
            raise Forbidden("admin_required")
        return identity


as_host = SignedIn("host")
as_admin = SignedIn("admin")
