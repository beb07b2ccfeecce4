"""From events to the wire's messages. Pure: values in, JSON text out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from gateways.captions import wire
from transcripts.events import Draft, Durable, Partial, SentenceChanged
from transcripts.models import RoomState
from transcripts.selectors import RoomNow

# A room whose last sentences still come is live to its readers.
STATES = {
    RoomState.Name.WAITING: "waiting",
    RoomState.Name.LIVE: "live",
    RoomState.Name.GRACE: "grace",
    RoomState.Name.CLOSING: "live",
    RoomState.Name.CLOSED: "closed",
}


def hello(
    *, room: str, title: str, lang: str, there: RoomNow, versions: Mapping[str, int], delays: Mapping[str, Any],
    now: datetime, resumed: bool, report_s: int | None = None,
) -> str:  # fmt: skip
    """The first message, and again where a reader begins anew."""
    return _text(
        wire.Hello(
            room=room, title=title, lang=lang, resumed=resumed, versions=dict(versions), delays=wire.DelaysNow(**delays),
            report_s=report_s,
            **_state(there, now),
        )
    )  # fmt: skip


@lru_cache(maxsize=256)
def durable(event: Durable) -> str:
    """A sentence that is new or changed, or one that is gone. Encoded once: a rush of readers begins with the same ones."""
    if not isinstance(event, SentenceChanged):
        return _text(wire.Removed(lang=event.lang, version=event.version, part=event.part, index=event.index))
    return _text(
        wire.Sentence(
            lang=event.lang, version=event.version, part=event.part, index=event.index, start_ms=event.start_ms,
            end_ms=event.end_ms, speaker=event.speaker, text=event.text, ends=event.ends, of_version=event.of_version,
        )
    )  # fmt: skip


def versions(reached: Mapping[str, int]) -> str:
    """The end of a replay."""
    return _text(wire.VersionsReached(versions=dict(reached)))


def history_end(count: int) -> str:
    """Behind the sentences that `history` asked for."""
    return _text(wire.HistoryEnd(count=count))


def partial(event: Partial) -> str:
    """The unfinished sentence."""
    return _text(
        wire.PartialText(
            lang=event.lang, part=event.part, index=event.index, start_ms=event.start_ms,
            confirmed=event.text[: event.confirmed_chars], tentative=event.text[event.confirmed_chars :],
        )
    )  # fmt: skip


def draft(event: Draft) -> str:
    """The translation of the unfinished sentence."""
    return _text(
        wire.DraftText(
            lang=event.lang, part=event.part, index=event.index, start_ms=event.start_ms, of_chars=event.of_chars,
            confirmed=event.text[: event.confirmed_chars], tentative=event.text[event.confirmed_chars :],
        )
    )  # fmt: skip


def state(there: RoomNow, now: datetime) -> str:
    """How the room stands."""
    return _text(wire.State(**_state(there, now)))


def delays(now: Mapping[str, Any]) -> str:
    """Rolling means of how late text is, and what is not translated any more."""
    return _text(wire.Delays.model_validate(now))


def pong(now: datetime) -> str:
    """The answer to `ping`."""
    return _text(wire.Pong(server_ms=round(1000 * now.timestamp())))


def _state(there: RoomNow, now: datetime) -> dict[str, Any]:
    room, following = there.state, there.next
    left = None
    if room.state == RoomState.Name.GRACE and room.grace_until is not None:
        left = max(0, round((room.grace_until - now).total_seconds()))
    return {
        "state": STATES[RoomState.Name(room.state)],
        "source_lang": room.source_lang,
        "grace_left_s": left,
        "next": following
        and wire.Talk(room=following.room, title=following.title, starts_at=following.starts_at),
    }


def _text(message: wire.Message) -> str:
    """What it does not say is left out."""
    return message.model_dump_json(exclude_none=True)
