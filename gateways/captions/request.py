"""What a reader asks for, checked: the room, the language, where it left off."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rooms.errors import BadInput, Forbidden
from rooms.selectors import room_by_code
from translation.selectors import target_langs

_AFTER = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*:[0-9]{1,15}")
TRACKS_MOST, HISTORY_MOST = 4, 100
_NUMBER_MOST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class CaptionsRequest:
    """A room's captions in `lang`, behind these versions."""

    room_id: int
    room: str
    lang: str
    after: dict[str, int]


def parse(room: str, lang: str, after: str) -> CaptionsRequest:
    """Queries PostgreSQL. `after`: en:41,de:38. Raises DomainError."""
    found = room_by_code(room)
    if found.do_not_record:
        raise Forbidden("do_not_record")
    return CaptionsRequest(found.pk, found.code, language(lang), versions(after))


def language(lang: str) -> str:
    """A language on offer. Raises BadInput."""
    if lang not in target_langs():
        raise BadInput("language_unknown")
    return lang


def versions(text: str) -> dict[str, int]:
    """en:41,de:38 → by track. Raises BadInput."""
    each = text.split(",", TRACKS_MOST) if text else []
    if len(each) > TRACKS_MOST or not all(map(_AFTER.fullmatch, each)):
        raise BadInput("after_malformed")
    return {lang: int(version) for lang, _, version in (one.partition(":") for one in each)}


@dataclass(frozen=True, slots=True)
class Resume:
    """Give what came behind these versions."""

    after: dict[str, int]


@dataclass(frozen=True, slots=True)
class History:
    """Give `count` sentences before (part, index)."""

    part: int
    index: int
    count: int


@dataclass(frozen=True, slots=True)
class Language:
    """Go on in another language, behind these versions."""

    lang: str
    after: dict[str, int]


@dataclass(frozen=True, slots=True)
class Ping:
    """Say that the connection lives."""


def message(text: str) -> Resume | History | Language | Ping:
    """A reader's message. Raises BadInput."""
    try:
        sent = json.loads(text)
    except (ValueError, RecursionError):
        sent = None
    match sent:
        case {"type": "ping"}:
            return Ping()
        case {"type": "lang", "lang": str(lang)}:
            return Language(language(lang), _after(sent))
        case {"type": "resume", "after": dict()}:
            return Resume(_after(sent))
        case {"type": "history", "before": dict(before)}:
            part, index = _bounded(before, "part", "index")
            (count,) = _bounded(sent, "count")
            return History(part, index, min(HISTORY_MOST, count))
    raise BadInput("message_unknown")


def _after(sent: Mapping[str, Any]) -> dict[str, int]:
    after = sent.get("after", {})
    if not isinstance(after, dict) or len(after) > TRACKS_MOST:
        raise BadInput("message_unknown")
    return versions(",".join(f"{lang}:{version}" for lang, version in after.items()))


def _bounded(values: Mapping[str, Any], *names: str) -> list[int]:
    found = [values.get(name) for name in names]
    if not all(type(value) is int and 0 <= value <= _NUMBER_MOST for value in found):
        raise BadInput("message_unknown")
    return [int(value or 0) for value in found]
