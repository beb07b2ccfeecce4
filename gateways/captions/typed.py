"""What a captioner's page sends, and what it is told (docs/wires/captions.md). Pure but for the clock that is given."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from asr.rooms.pen import TypedSentence
from rooms.errors import BadInput

TEXT_MOST_CHARS = 2000  # of a message; what a sentence may have is the service's to say
AGE_MOST_MS = 600_000
_NUMBER_MOST = 2**31 - 1
_ID = re.compile(r"[A-Za-z0-9-]{8,36}")
_TOKEN = re.compile(r"[0-9a-f-]{36}")

Holder = Literal["nobody", "you", "other"]


@dataclass(frozen=True, slots=True)
class Take:
    """Take the pen; `token`: the one that this page had before its connection broke."""

    token: str


@dataclass(frozen=True, slots=True)
class Typing:
    """What is typed so far."""

    text: str
    began_at: datetime


@dataclass(frozen=True, slots=True)
class Keep:
    """The pen is kept though nothing is typed: the recogniser stays quiet."""


@dataclass(frozen=True, slots=True)
class Release:
    """The recogniser goes on."""


@dataclass(frozen=True, slots=True)
class Undo:
    """Take a typed sentence back."""

    sentence_id: str


@dataclass(frozen=True, slots=True)
class Open:
    """Open the room: a person types and nothing is heard. What is stored, and who may read it afterwards."""

    lang: str
    store: bool
    public: bool


@dataclass(frozen=True, slots=True)
class Shut:
    """Close the room that a captioner opened."""


@dataclass(frozen=True, slots=True)
class Correct:
    """Mend a sentence that stands."""

    part: int
    index: int
    version: int
    text: str


TypistMessage = Take | Typing | Keep | Release | Undo | Correct | Open | Shut | TypedSentence


def message(text: str, *, now: datetime) -> TypistMessage:
    """A captioner's message. Times come as ages, so that clocks need not agree. Raises BadInput (`message_unknown`)."""
    try:
        sent = json.loads(text)
    except (ValueError, RecursionError):
        sent = None
    match sent:
        case {"type": "take", **more}:
            token = more.get("token", "")
            return Take(token if isinstance(token, str) and _TOKEN.fullmatch(token) else "")
        case {"type": "typing", "text": str(typed)}:
            return Typing(_bounded_text(typed), _at(sent, "began_ms_ago", now))
        case {"type": "write", "id": str(name), "text": str(typed)} if _ID.fullmatch(name):
            began_at, ended_at = _at(sent, "began_ms_ago", now), _at(sent, "ended_ms_ago", now)
            return TypedSentence(name, _bounded_text(typed), min(began_at, ended_at), ended_at)
        case {"type": "undo", "id": str(name)} if _ID.fullmatch(name):
            return Undo(name)
        case {"type": "correct", "text": str(typed)}:
            part, index, version = (_number(sent, name) for name in ("part", "index", "version"))
            return Correct(part, index, version, _bounded_text(typed))
        case {"type": "open", "lang": str(lang), "store": bool(store), "public": bool(public)}:
            return Open(lang[:16], store, public)
        case {"type": "close"}:
            return Shut()
        case {"type": "keep"}:
            return Keep()
        case {"type": "release"}:
            return Release()
    raise BadInput("message_unknown")


def pen(holder: Holder, token: str = "", *, alone: bool = False) -> str:
    """Who has the pen; `token` is this page's, to come back with. `alone`: nothing is heard in this room."""
    return _json({"type": "pen", "holder": holder, "alone": alone, **({"token": token} if token else {})})


def heard(text: str) -> str:
    """What the recogniser hears while a person writes."""
    return _json({"type": "heard", "text": text})


def stored(sentence_id: str, *, part: int, index: int) -> str:
    """A sentence stands, with this place; it came to the audience as `sentence`."""
    return _json({"type": "stored", "id": sentence_id, "part": part, "index": index})


def undone(sentence_id: str, text: str) -> str:
    """A sentence was taken back; `text` is what it was."""
    return _json({"type": "undone", "id": sentence_id, "text": text})


def corrected(part: int, index: int) -> str:
    """A sentence was mended; its new text comes as `sentence`."""
    return _json({"type": "corrected", "part": part, "index": index})


def refused(asked: TypistMessage, code: str, *, retry: bool) -> str:
    """Something was not done. `retry`: the same again may work; nothing was lost."""
    names: dict[str, object] = {"of": "close" if isinstance(asked, Shut) else type(asked).__name__.lower()}
    if isinstance(asked, TypedSentence):
        names = {"of": "write", "id": asked.sentence_id}
    elif isinstance(asked, Undo):
        names["id"] = asked.sentence_id
    elif isinstance(asked, Correct):
        names |= {"part": asked.part, "index": asked.index}
    return _json({"type": "refused", **names, "error": code, "retry": retry})


def _bounded_text(text: str) -> str:
    if len(text) > TEXT_MOST_CHARS:
        raise BadInput("message_unknown")
    return text


def _number(sent: Mapping[str, Any], name: str) -> int:
    value = sent.get(name)
    if type(value) is not int or not 0 <= value <= _NUMBER_MOST:
        raise BadInput("message_unknown")
    return value


def _at(sent: Mapping[str, Any], name: str, now: datetime) -> datetime:
    age_ms = _number({name: 0, **sent}, name)
    return now - timedelta(milliseconds=min(age_ms, AGE_MOST_MS))


def _json(fields: Mapping[str, object]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
