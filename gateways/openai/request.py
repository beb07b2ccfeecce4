"""Who asks, and for what: keys in a header or, from browsers, in a subprotocol; the consent in the query. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs

REALTIME: Final = "realtime"
KEY_PROTOCOL: Final = "openai-insecure-api-key."
BETA_PROTOCOL: Final = "openai-beta.realtime-v1"
BETA_HEADER: Final = "realtime=v1"


def key_of(headers: Mapping[str, str], protocols: Sequence[str] = ()) -> str:
    """The key that was shown; "" where none was. The header counts more."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() in ("bearer", "token") and key.strip():
        return key.strip()
    return next((each.removeprefix(KEY_PROTOCOL) for each in protocols if each.startswith(KEY_PROTOCOL)), "")


def chosen_protocol(protocols: Sequence[str]) -> str | None:
    """What the handshake answers: a browser that offers some gives up where none of them comes back."""
    if REALTIME in protocols:
        return REALTIME
    others = [each for each in protocols if not each.startswith(KEY_PROTOCOL)]
    return next(iter((*others, *protocols)), None)


def is_beta(headers: Mapping[str, str], protocols: Sequence[str]) -> bool:
    """Whether the client knows the beta's events alone."""
    return headers.get("openai-beta", "") == BETA_HEADER or BETA_PROTOCOL in protocols


def headers_of(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """A socket's headers by their small names."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}


def said_consent(query_string: bytes) -> bool:
    """Whether the address says that who speaks agrees."""
    return parse_qs(query_string.decode("ascii", "replace")).get("consent") == ["1"]
