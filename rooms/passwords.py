"""Passwords of users' own: a wrong one costs next to nothing, so that guessing keeps no right one waiting.

Django's hash takes half a second of a core, whoever guesses. Beside it stands a mark of MARK_CHARS hexadecimal digits, keyed with
SECRET_KEY: of wrong passwords all but one in 4096 are known by it. What is left is hashed by HASHED_AT_ONCE threads at most.
"""

from __future__ import annotations

import threading
from typing import Any, Final

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare, salted_hmac

MARK_CHARS: Final = 3
KEY_CHARS: Final = 8
HASHED_AT_ONCE: Final = 2
_hashing = threading.BoundedSemaphore(HASHED_AT_ONCE)


class MarkedHasher(PBKDF2PasswordHasher):
    """PBKDF2 behind a mark: algorithm$iterations$salt$hash$mark. The mark of another SECRET_KEY says nothing and is made anew."""

    algorithm = "marked_pbkdf2_sha256"

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        """What is stored."""
        with _hashing:
            hashed = super().encode(password, salt, iterations)
        return f"{hashed}${_key()}{_mark(password, salt)}"

    def decode(self, encoded: str) -> Any:
        """Its parts."""
        hashed, _, mark = encoded.rpartition("$")
        return {**super().decode(hashed), "key": mark[:KEY_CHARS], "mark": mark[KEY_CHARS:]}

    def verify(self, password: str, encoded: str) -> bool:
        """Whether it is this password's; hashed only where the mark does not say no."""
        known = self.decode(encoded)
        if known["key"] == _key() and not constant_time_compare(
            known["mark"], _mark(password, known["salt"])
        ):
            return False
        again = self.decode(self.encode(password, known["salt"], known["iterations"]))
        return constant_time_compare(again["hash"], known["hash"])

    def must_update(self, encoded: str) -> bool:
        """Also where the mark is of another key."""
        return self.decode(encoded)["key"] != _key() or super().must_update(encoded)

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Nothing is hashed for a wrong password."""


class MarkedBackend(ModelBackend):
    """Django's own, but that nobody's name, and a login without a password of its own, cost no hash either."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any
    ) -> User | None:
        """The user, if this is their password and they may sign in."""
        if not username or not password:
            return None
        user = User.objects.filter(username=username).first()
        if user is None or not user.has_usable_password() or not user.check_password(password):
            return None
        return user if self.user_can_authenticate(user) else None


def _key() -> str:
    return salted_hmac("rooms.passwords.key", b"", algorithm="sha256").hexdigest()[:KEY_CHARS]


def _mark(password: str, salt: str) -> str:
    given = f"{salt}${password}".encode("utf-8", "surrogatepass")
    return salted_hmac("rooms.passwords", given, algorithm="sha256").hexdigest()[:MARK_CHARS]
