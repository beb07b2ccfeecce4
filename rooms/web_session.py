"""Who a browser's session is, outside of a request: the sockets of our own pages are opened by it.

A session that was opened with a password of the environment dies with it: it remembers the password's digest, as a login
key does (DIGEST, written by the page that signs in).
"""

import hashlib
from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.base import SessionBase
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest

from rooms import people
from rooms.access import Identity
from rooms.errors import DomainError, Unauthenticated

DIGEST = "password_digest"
LONGEST_KEY = 64


def identify_session(session_key: str) -> Identity:
    """The caller behind a session's cookie.

    Raises Unauthenticated, and DomainError "not_ready" where nobody can tell now.
    """
    if not 0 < len(session_key) <= LONGEST_KEY:
        raise Unauthenticated("not_signed_in")
    request = HttpRequest()
    try:
        request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
        identity = identity_of_session(get_user(request), request.session)
    except (OperationalError, InterfaceError):
        raise DomainError("not_ready", retry=True) from None
    if identity is None:
        raise Unauthenticated("not_signed_in")
    return identity


def identity_of_session(user: AbstractBaseUser | AnonymousUser, session: SessionBase) -> Identity | None:
    """Who has this session of this user's; None: nobody who may more than everybody.

    Its `key` is as good as a login key's for taking over one's own room.
    """
    if not isinstance(user, User):
        return None
    digest = session.get(DIGEST, "")
    if digest and not people.is_configured(digest):
        return None
    power = people.power_of(user)
    key = session_hash(session.session_key) if session.session_key else ""
    return Identity(power, user.pk, key) if power else None


def session_hash(session_key: str) -> str:
    """What is kept of a session that hosts, as of a login key."""
    return hashlib.sha256(f"session:{session_key}".encode()).hexdigest()
