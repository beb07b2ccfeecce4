"""From a captioner's messages to what is asked of the services, and from their answers to messages. Pure but for the clock that is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from asr.rooms.pen import TypedSentence
from gateways.captions import typist_wire as wire
from gateways.captions.typist_wire import CloseRoom, Correct, Holder, Keep, Open, Release, Take, Undo
from gateways.captions.wire import Message
from rooms.errors import BadInput

AGE_MOST_MS = 600_000


@dataclass(frozen=True, slots=True)
class Typing:
    """What is typed so far."""

    text: str
    began_at: datetime


Asked = Take | Typing | TypedSentence | Keep | Release | Undo | Correct | Open | CloseRoom


def message(text: str, *, now: datetime) -> Asked:
    """A captioner's message; ages become times. Raises BadInput (`message_unknown`)."""
    try:
        sent = wire.SENT.validate_json(text)
    except ValidationError:
        raise BadInput("message_unknown") from None
    match sent:
        case wire.TypedSoFar():
            return Typing(sent.text, _ago(sent.began_ms_ago, now))
        case wire.Write():
            began_at, ended_at = _ago(sent.began_ms_ago, now), _ago(sent.ended_ms_ago, now)
            return TypedSentence(sent.id, sent.text, min(began_at, ended_at), ended_at)
    return sent


def pen(holder: Holder, token: str = "", *, alone: bool = False) -> str:
    """Who has the pen; `token` is this page's."""
    return _text(wire.PenHeld(holder=holder, alone=alone, token=token or None))


def heard(text: str) -> str:
    """What the recogniser hears while a person writes."""
    return _text(wire.HeardText(text=text))


def stored(sentence_id: str, *, part: int, index: int) -> str:
    """A sentence stands, with this place."""
    return _text(wire.Stored(id=sentence_id, part=part, index=index))


def undone(sentence_id: str, text: str) -> str:
    """A sentence was taken back; `text` is what it was."""
    return _text(wire.Undone(id=sentence_id, text=text))


def corrected(part: int, index: int) -> str:
    """A sentence was mended."""
    return _text(wire.Corrected(part=part, index=index))


def refused(asked: Asked, code: str, *, retry: bool) -> str:
    """Something was not done. `retry`: the same again may work; nothing was lost."""
    names: dict[str, Any]
    match asked:
        case TypedSentence():
            names = {"of": "write", "id": asked.sentence_id}
        case Typing():
            names = {"of": "typing"}
        case Undo():
            names = {"of": asked.type, "id": asked.id}
        case Correct():
            names = {"of": asked.type, "part": asked.part, "index": asked.index}
        case _:
            names = {"of": asked.type}
    return _text(wire.Refused(**names, error=code, retry=retry))


def _ago(age_ms: int, now: datetime) -> datetime:
    return now - timedelta(milliseconds=min(age_ms, AGE_MOST_MS))


def _text(message: Message) -> str:
    return message.model_dump_json(exclude_none=True)
