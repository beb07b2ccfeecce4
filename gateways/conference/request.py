"""What a socket asks for, checked in the wire's order."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal
from urllib.parse import parse_qs

from django.conf import settings

from asr.rooms.selectors import open_session
from asr.rooms.services import recordable_room
from gateways.common.origin import origin_allowed
from gateways.conference import refusals
from gateways.conference.refusals import Refused
from rooms.access import Identity, identify, identify_in_use
from rooms.address import caller_address
from rooms.consent import usable_consent
from rooms.database_threads import handshakes
from rooms.errors import DomainError, Forbidden
from rooms.models import Room
from rooms.web_session import identify_session
from translation.selectors import target_langs

_RECORDER, _ID = re.compile("[0-9a-f]{32}"), re.compile("[0-9]{1,18}")
_nothing_to_check = bool
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class SocketRequest:
    """A parsed and permitted request. A viewer has the room and its broadcast, a host the rest."""

    room_code: str
    role: Literal["host", "client"]
    source_lang: str
    target_lang: str
    room_id: int = 0
    broadcast: int = 0
    owner_id: int | None = None
    is_admin: bool = False
    key: str = ""
    check_login: Callable[[], object] = _nothing_to_check
    store: bool = False
    public: bool = False
    connection_id: str = ""
    raw_pcm: bool = False
    recorder: str = ""
    consent_id: int | None = None


async def parse(scope: dict[str, Any]) -> SocketRequest:
    """Check role, target, host's key, source, preferences, room, languages. Raises Refused or DomainError."""
    request: SocketRequest = await handshakes(_parse)(scope)
    return request


def _parse(scope: dict[str, Any]) -> SocketRequest:
    route = {key: value or "" for key, value in scope["url_route"]["kwargs"].items()}
    role, code = route.get("role", ""), route.get("room_code", "")
    if role not in ("host", "client"):
        raise Refused(refusals.NO_ROLE)
    if not route.get("target_lang"):
        raise Refused(refusals.NO_TARGET)
    if role == "client":
        return _viewer(code, route)
    return _host(code, route, scope)


def _viewer(code: str, route: dict[str, str]) -> SocketRequest:
    if not route.get("source_lang"):
        raise Refused(refusals.NO_SOURCE)
    room = recordable_room(code)
    opened = open_session(room.pk)
    if opened is None:
        raise Refused(refusals.NOT_ACTIVE)
    _check_target(route["target_lang"])
    return SocketRequest(
        code, "client", "", route["target_lang"], room_id=room.pk, broadcast=opened.part.broadcast
    )


def _host(code: str, route: dict[str, str], scope: dict[str, Any]) -> SocketRequest:
    cookies = {name: _as_utf8(value) for name, value in scope.get("cookies", {}).items()}
    query = parse_qs(scope.get("query_string", b"").decode("ascii", "replace"))
    ours = query.get("consent", [""])[0]  # our own page: signed in by its session, and asked before
    identity = _identity(cookies, scope, by_session=bool(ours))
    if not route.get("source_lang"):
        raise Refused(refusals.NO_SOURCE)
    preferences = None if ours else _preferences(code, cookies)
    room = recordable_room(code)
    consent_id = None
    if preferences is None:
        preferences, consent_id = _consented(room, ours, identity)
    if route["source_lang"] not in settings.ENV.source_langs:
        raise Refused(refusals.unsupported_source(route["source_lang"]))
    _check_target(route["target_lang"])
    recorder = query.get("recorder", [""])[0]
    return SocketRequest(
        code, "host", route["source_lang"], route["target_lang"],
        owner_id=identity.user_id, is_admin=identity.is_admin, key=identity.key,
        check_login=_check_of(identity, cookies, by_session=bool(ours)), store=preferences[0], public=preferences[1],
        connection_id=(query.get("connection", [""])[0] if ours else cookies.get("connection_id", ""))[:64],
        raw_pcm=query.get("format") == ["pcm_s16le"],
        recorder=f"{identity.user_id}:{recorder}" if _RECORDER.fullmatch(recorder) else "",
        consent_id=consent_id,
    )  # fmt: skip


def _preferences(code: str, cookies: dict[str, str]) -> tuple[bool, bool]:
    store = _BOOLEANS.get(cookies.get(f"{code}-allow_store", "").lower())
    public = _BOOLEANS.get(cookies.get(f"{code}-allow_client_download", "").lower())
    if store is None or public is None:
        raise Refused(refusals.NO_PREFERENCES)
    return store, public


def _consented(room: Room, consent_id: str, identity: Identity) -> tuple[tuple[bool, bool], int]:
    try:
        consent = usable_consent(
            int(consent_id) if _ID.fullmatch(consent_id) else 0, room=room, user_id=identity.user_id
        )
    except Forbidden:
        raise Refused(refusals.NO_PREFERENCES) from None
    return (consent.keep_text, consent.public), consent.pk


def _identity(cookies: dict[str, str], scope: dict[str, Any], *, by_session: bool) -> Identity:
    headers = dict(scope["headers"])
    if not origin_allowed(headers.get(b"origin", b"").decode("latin-1")):
        raise Refused(refusals.NO_KEY)
    peer = (scope.get("client") or [None])[0]
    forwarded_for = headers.get(b"x-forwarded-for", b"").decode("latin-1")
    try:
        if by_session:
            return identify_session(cookies.get(settings.SESSION_COOKIE_NAME, ""))
        if not cookies.get("authenticated"):  # nothing was guessed: not counted
            raise Refused(refusals.NO_KEY)
        identity = identify(cookies["authenticated"], address=caller_address(peer, forwarded_for))
        if identity.user_id is None:
            raise DomainError("not_ready", retry=True)
        return identity
    except DomainError as error:
        if error.retry:  # nobody knows whether the key is good: a browser must not throw it away
            raise
        raise Refused(refusals.NO_KEY) from error


def _check_of(identity: Identity, cookies: dict[str, str], *, by_session: bool) -> Callable[[], object]:
    """Asked now and then while the socket lives: raises Unauthenticated once the login that it was opened with is worthless.

    A password holds as long as the environment of this process.
    """
    if by_session:
        return partial(identify_session, cookies.get(settings.SESSION_COOKIE_NAME, ""))
    return partial(identify_in_use, identity.key) if identity.key else _nothing_to_check


def _as_utf8(text: str) -> str:
    """Headers are read as Latin-1; what browsers put there is UTF-8."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def _check_target(lang: str) -> None:
    if lang not in target_langs():
        raise Refused(refusals.unsupported_target(lang))
