"""What needs an operator, and how urgently: decisions alone, no words, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from asr.rooms.overview import SessionNow
from translation.overview import TranslationNow

Level = Literal["good", "idle", "warn", "bad"]
ORDER: tuple[Level, ...] = ("idle", "good", "warn", "bad")
LATE_S, TOO_LATE_S = (
    5.0,
    10.0,
)  # regulators measure 5.6 s on live television; the conference's page warns above 10
NOT_OPENED_AFTER_S = 60.0
WAITS_TOO_LONG_S = 10.0
SILENT_PROCESS_S = 5.0  # it beats once a second
NO_SOUND_S, NO_SOUND_TOO_LONG_S = 10.0, 30.0
NO_WORDS_S, NO_WORDS_TOO_LONG_S = 45.0, 180.0
ERROR_COUNTS_FOR_S = 120.0
FAILED_COUNTS_FOR_S = 900.0


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to look at. `code` names its words (static/js/live.js), `values` fill them."""

    code: str
    level: Level
    values: dict[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RoomFacts:
    """All that is known of a room. Ages and delays are seconds; None: unknown, or it has not happened.

    `begun_s`: since its talk began; `text_s`: since its newest text, or since it was opened.
    """

    session: SessionNow | None
    translation: TranslationNow
    begun_s: float | None
    text_s: float | None
    do_not_record: bool


def problems_of(room: RoomFacts) -> list[Problem]:
    """The most urgent first."""
    found = list(_of_session(room) if room.session and room.session.is_open else _of_closed(room))
    return sorted(found, key=lambda problem: -ORDER.index(problem.level))


def level_of(room: RoomFacts, problems: list[Problem]) -> Level:
    """The room's own: of its most urgent problem; "idle" where nothing is wrong and nothing runs."""
    if problems:
        return problems[0].level
    return "good" if room.session and room.session.is_open else "idle"


def lateness(delay_s: float | None) -> Level | None:
    """Of captions or translations; None where nobody knows."""
    if delay_s is None:
        return None
    return "bad" if delay_s >= TOO_LATE_S else "warn" if delay_s >= LATE_S else "good"


def _of_closed(room: RoomFacts) -> Iterator[Problem]:
    session = room.session
    is_due = room.begun_s is not None and room.begun_s >= NOT_OPENED_AFTER_S and not room.do_not_record
    if session and session.state == "failed":
        yield Problem("failed", "bad")
    elif is_due and (not session or session.state == "closed"):
        yield Problem("not_opened", "warn", {"minutes": int((room.begun_s or 0) // 60)})


def _of_session(room: RoomFacts) -> Iterator[Problem]:
    session = room.session
    if session is None:
        return
    if session.host_state == "away":
        who = "host_away" if session.heard else "captioner_away"
        yield Problem(who, "bad", {"seconds": int(session.grace_left_s or 0)})
    if session.waits_s is not None and session.waits_s >= WAITS_TOO_LONG_S:
        yield Problem("waits", "bad", {"seconds": int(session.waits_s)})
    elif session.beat_s is not None and session.beat_s >= SILENT_PROCESS_S:
        yield Problem("process_silent", "bad", {"seconds": int(session.beat_s)})
    elif session.state == "live" and session.host_state == "connected":
        yield from _of_sound(room, session)
    if (late := lateness(session.delay_s)) and late != "good":
        yield Problem("late", late, {"seconds": round(session.delay_s or 0)})
    if (late := lateness(room.translation.delay_s)) and late != "good":
        yield Problem("translation_late", late, {"seconds": round(room.translation.delay_s or 0)})
    if room.translation.failing:
        codes = ", ".join(sorted(set(room.translation.failing.values())))
        langs = ", ".join(sorted(room.translation.failing))
        yield Problem("translation_fails", "warn", {"languages": langs, "codes": codes})
    if room.translation.stopped:
        yield Problem("translation_quota", "warn", {"languages": ", ".join(room.translation.stopped)})
    if session.deaths:
        yield Problem("died", "warn", {"count": session.deaths})
    if session.last_error and (session.last_error_s or 0) < ERROR_COUNTS_FOR_S:
        yield Problem(
            "told_host", "warn", {"code": session.last_error, "seconds": int(session.last_error_s or 0)}
        )


def _of_sound(room: RoomFacts, session: SessionNow) -> Iterator[Problem]:
    """No sound at all, or sound without words; a session that has just begun may take its time."""
    heard_s = session.opened_s if session.heard_s is None else session.heard_s
    sound_matters = session.heard and not session.typed  # else somebody writes who hears for the readers
    words_s = session.opened_s if room.text_s is None else min(room.text_s, session.opened_s)
    if sound_matters and heard_s >= NO_SOUND_S:
        level: Level = "bad" if heard_s >= NO_SOUND_TOO_LONG_S else "warn"
        yield Problem("no_sound", level, {"seconds": int(heard_s)})
    elif words_s >= NO_WORDS_S:
        level = "bad" if words_s >= NO_WORDS_TOO_LONG_S else "warn"
        yield Problem("no_words" if sound_matters else "nothing_typed", level, {"seconds": int(words_s)})
