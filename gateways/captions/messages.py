"""The messages of the native captions wire (docs/wires/captions.md). Pure: values in, JSON text out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from transcripts.events import Durable, Partial, SentenceChanged
from transcripts.models import RoomState

# A room whose last sentences still come is live to its readers.
STATES = {
    RoomState.Name.WAITING: "waiting",
    RoomState.Name.LIVE: "live",
    RoomState.Name.GRACE: "grace",
    RoomState.Name.CLOSING: "live",
    RoomState.Name.CLOSED: "closed",
}


def hello(
    *, room: str, lang: str, state: RoomState, versions: Mapping[str, int], delays: Mapping[str, float],
    now: datetime, resumed: bool,
) -> str:  # fmt: skip
    """The first message, and again where a reader begins anew: unless `resumed`, what it shows is to be dropped."""
    return _json(
        {
            "type": "hello", "room": room, "lang": lang, "source_lang": state.source_lang, "resumed": resumed,
            "versions": dict(versions), **_state(state, now), "delays": dict(delays),
        }
    )  # fmt: skip


def durable(event: Durable) -> str:
    """A sentence that is new or changed, or one that is gone."""
    if isinstance(event, SentenceChanged):
        fields = {
            "lang": event.lang, "version": event.version, "part": event.part, "index": event.index,
            "start_ms": event.start_ms, "end_ms": event.end_ms, "speaker": event.speaker, "text": event.text,
            "ends": event.ends,
        }  # fmt: skip
        if event.of_version is not None:
            fields["of_version"] = event.of_version
        return _json({"type": "sentence", **fields})
    return _json(
        {
            "type": "removed",
            "lang": event.lang,
            "version": event.version,
            "part": event.part,
            "index": event.index,
        }
    )


def versions(reached: Mapping[str, int]) -> str:
    """The end of a replay: only behind these a version that is left out is a gap."""
    return _json({"type": "versions", "versions": dict(reached)})


def history_end(count: int) -> str:
    """Behind the sentences that `history` asked for; fewer than asked for: these are the first."""
    return _json({"type": "history", "count": count})


def partial(event: Partial) -> str:
    """The unfinished sentence: `confirmed` is never taken back, `tentative` may change."""
    return _json(
        {
            "type": "partial", "lang": event.lang, "part": event.part, "index": event.index, "start_ms": event.start_ms,
            "confirmed": event.text[: event.confirmed_chars], "tentative": event.text[event.confirmed_chars :],
        }
    )  # fmt: skip


def state(room: RoomState, now: datetime) -> str:
    """How the room stands."""
    return _json({"type": "state", **_state(room, now)})


def delays(seconds: Mapping[str, float]) -> str:
    """Rolling means of how late text is."""
    return _json({"type": "delays", **seconds})


def pong() -> str:
    """The answer to `ping`."""
    return _json({"type": "pong"})


def _state(room: RoomState, now: datetime) -> dict[str, object]:
    fields: dict[str, object] = {"state": STATES[RoomState.Name(room.state)]}
    if fields["state"] == "grace" and room.grace_until is not None:
        fields["grace_left_s"] = max(0, round((room.grace_until - now).total_seconds()))
    return fields


def _json(message: Mapping[str, object]) -> str:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))
