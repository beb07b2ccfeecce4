"""Who may have a meeting transcribed: a signed token (JWT, RS256), its public key found by the token's `kid`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import jwt

from gateways.meetings.public_keys import KeyNotFound
from rooms.errors import Unauthenticated

ALGORITHMS: Final = ["RS256"]
CONSENT_CLAIM: Final = "consent"
# What the client reads, by the error's code.
WORDS: Final = {
    "header_malformed": "Failed to decode JWT header",
    "kid_missing": "Invalid token. No kid header.",
    "key_not_found": "Failed to retrieve public key {kid}",
    "expired": "Expired token.",
    "not_verified": "Failed decoding JWT with public key {kid}",
}


async def verified(
    token: str, *, public_key: Callable[[str], Awaitable[str]], audiences: Sequence[str]
) -> dict[str, Any]:
    """The claims of `token`. `public_key` gives a PEM for a `kid`, or raises KeyNotFound.

    Raises Unauthenticated with a code of WORDS.
    """
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise Unauthenticated("header_malformed") from None
    kid = header.get("kid")
    if not isinstance(kid, str):
        raise Unauthenticated("kid_missing")
    try:
        key = await public_key(kid)
    except KeyNotFound:
        raise Unauthenticated("key_not_found", kid=kid) from None
    try:
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=ALGORITHMS, audience=list(audiences))
    except jwt.ExpiredSignatureError:
        raise Unauthenticated("expired") from None
    except (jwt.PyJWTError, ValueError, TypeError):  # a key that is none makes either
        raise Unauthenticated("not_verified", kid=kid) from None
    return claims
