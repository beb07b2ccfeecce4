"""What a reader asks for, checked: the room or hall, the language, where it left off."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import ValidationError

from gateways.captions import wire
from rooms.errors import BadInput, Forbidden
from rooms.selectors import hall_by_slug, room_by_code
from translation.selectors import target_langs

_AFTER = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*:[0-9]{1,15}")
Place = tuple[int, str]  # a room's key and code


@dataclass(frozen=True, slots=True)
class CaptionsRequest:
    """Captions in `lang`, behind these versions, of a room (`place`), or of what is on in a hall.

    `room`: whose versions a reader of a hall knows.
    """

    lang: str
    after: dict[str, int]
    place: Place | None = None
    hall: str = ""
    room: str = ""


def of_room(code: str, *, lang: str, after: str) -> CaptionsRequest:
    """Queries PostgreSQL. `after`: en:41,de:38. Raises DomainError."""
    found = room_by_code(code)
    if found.do_not_record:
        raise Forbidden("do_not_record")
    return CaptionsRequest(language(lang), versions(after), place=(found.pk, found.code), room=found.code)


def of_hall(slug: str, *, lang: str, after: str, room: str) -> CaptionsRequest:
    """Queries PostgreSQL. `room`: which one the versions `after` are of. Raises DomainError."""
    return CaptionsRequest(language(lang), versions(after), hall=hall_by_slug(slug).slug, room=room)


def language(lang: str) -> str:
    """A language on offer. Raises BadInput."""
    if lang not in target_langs():
        raise BadInput("language_unknown")
    return lang


def versions(text: str) -> dict[str, int]:
    """en:41,de:38 → by track. Raises BadInput."""
    each = text.split(",", wire.TRACKS_MOST) if text else []
    if len(each) > wire.TRACKS_MOST or not all(map(_AFTER.fullmatch, each)):
        raise BadInput("after_malformed")
    return {lang: int(version) for lang, _, version in (one.partition(":") for one in each)}


def message(text: str) -> wire.Asked:
    """A reader's message. Raises BadInput."""
    try:
        return wire.ASKED.validate_json(text)
    except ValidationError:
        raise BadInput("message_unknown") from None
