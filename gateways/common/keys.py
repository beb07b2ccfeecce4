"""Keys of ours as bearer tokens, for wires whose clients send one with every connection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.db import Error as DatabaseError

from rooms import access
from rooms.access import Identity
from rooms.database_threads import handshakes
from rooms.errors import DomainError, Unauthenticated

KEY_CHARS: Final = 32
_SCHEMES: Final = ("bearer", "token")


def key_in(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The key of `Authorization: Bearer KEY` (or `Token KEY`) in the headers of an ASGI scope; "" where there is none."""
    for name, value in headers:
        scheme, _, key = value.decode("latin-1").partition(" ")
        if name.lower() == b"authorization" and scheme.lower() in _SCHEMES:
            return key.strip()
    return ""


async def identified(key: str) -> Identity:
    """Who a login key belongs to (`POST /login`, `manage.py make_key`).

    Raises Unauthenticated (`wrong_key`), and DomainError (`not_ready`) while nobody can say.
    """
    if len(key) != KEY_CHARS:
        raise Unauthenticated("wrong_key")
    try:
        identity: Identity = await handshakes(access.identify_key)(key)
    except DatabaseError as error:
        raise DomainError("not_ready", retry=True) from error
    return identity
