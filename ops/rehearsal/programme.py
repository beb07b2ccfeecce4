"""An event's schedule laid onto a run of some minutes, and that again as a schedule. Pure."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from rooms.schedule import ScheduledTalk, parse_schedule

UTC = ZoneInfo("UTC")
GAP_MOST = timedelta(minutes=20)  # a night, or any time in which no hall has a talk
LEAD_S = 2.0  # real seconds before the first talk


@dataclass(frozen=True, slots=True)
class Talk:
    """A talk of the rehearsal; times are real seconds since it began. `language`: "" where the schedule has none."""

    code: str
    title: str
    hall: str
    language: str
    recorded: bool
    starts_s: float
    ends_s: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.ends_s - self.starts_s


@dataclass(frozen=True, slots=True)
class Timeline:
    """Moments of the event and seconds of the run: `speed` times as fast, long gaps without any talk cut short."""

    speed: float
    knots: tuple[tuple[datetime, float], ...]  # where a stretch of talks begins and where it ends
    zone: tzinfo = UTC  # of the event

    def seconds(self, at: datetime) -> float:
        """Of the run."""
        number = max(0, bisect_right([moment for moment, _ in self.knots], at) - 1)
        moment, seconds = self.knots[number]
        most_s = self.knots[number + 1][1] if number + 1 < len(self.knots) else float("inf")
        return min(most_s, seconds + (at - moment).total_seconds() / self.speed)

    def moment(self, seconds: float) -> datetime:
        """Of the event."""
        number = max(0, bisect_right([known_s for _, known_s in self.knots], seconds) - 1)
        moment, known_s = self.knots[number]
        return (moment + timedelta(seconds=(seconds - known_s) * self.speed)).astimezone(self.zone)


@dataclass(frozen=True, slots=True)
class Programme:
    """What is rehearsed, by start."""

    talks: tuple[Talk, ...]
    timeline: Timeline
    events: dict[str, dict[str, Any]]  # each talk's fields in the schedule, by its code

    @property
    def halls(self) -> list[str]:
        """Their names."""
        return sorted({talk.hall for talk in self.talks})

    @property
    def seconds(self) -> float:
        """Until the last talk is over."""
        return max(talk.ends_s for talk in self.talks)


def programme_of(document: bytes, *, speed: float, halls: int = 0, most_s: float = 0.0) -> Programme:
    """The talks of a schedule (JSON or XML); of the first `halls`, as far as they are over within `most_s` of the run. 0: all.

    Raises BadInput: not a schedule. ValueError: nothing of it is left.
    """
    found = parse_schedule(document, zone=UTC).talks
    names = sorted({talk.location for talk in found})[: halls or None]
    found = [talk for talk in found if talk.location in names]
    timeline = replace(timeline_of(found, speed=speed), zone=_zone(found[0]))
    talks = [_talk(talk, timeline) for talk in found]
    kept = [talk for talk in talks if not most_s or talk.ends_s <= most_s]
    if not kept:
        raise ValueError("no talk of the schedule is over within that time")
    return Programme(tuple(kept), timeline, {talk.code: talk.event for talk in found})


def timeline_of(talks: Iterable[ScheduledTalk], *, speed: float) -> Timeline:
    """Stretches in which some hall has a talk keep their length."""
    knots: list[tuple[datetime, float]] = []
    for talk in sorted(talks, key=lambda each: each.starts_at):
        if knots and talk.starts_at <= knots[-1][0]:
            begin, began_s = knots[-2]
            end = max(knots[-1][0], talk.ends_at)
            knots[-1] = (end, began_s + (end - begin).total_seconds() / speed)
            continue
        began_s = LEAD_S
        if knots:
            gap = min(GAP_MOST, talk.starts_at - knots[-1][0])
            began_s = knots[-1][1] + gap.total_seconds() / speed
        length_s = (talk.ends_at - talk.starts_at).total_seconds()
        knots += [(talk.starts_at, began_s), (talk.ends_at, began_s + length_s / speed)]
    return Timeline(speed, tuple(knots))


def schedule_of(programme: Programme, talks: Sequence[Talk], *, began_at: datetime, version: int) -> bytes:
    """The talks, as they are now, as a schedule whose times are those of the run."""
    rooms: dict[str, list[dict[str, Any]]] = {hall: [] for hall in programme.halls}
    for talk in talks:
        starts_at = began_at + timedelta(seconds=talk.starts_s)
        own = {
            "code": talk.code, "room": talk.hall, "date": starts_at.isoformat(), "start": f"{starts_at:%H:%M}",
            "duration": _duration(talk.seconds),
        }  # fmt: skip
        rooms.setdefault(talk.hall, []).append(programme.events[talk.code] | own)
    day = {"index": 1, "date": began_at.date().isoformat(), "rooms": rooms}
    conference = {
        "acronym": "rehearsal", "title": "Rehearsal", "time_zone_name": "UTC", "tracks": [],
        "rooms": [{"name": hall} for hall in rooms], "days": [day],
    }  # fmt: skip
    return json.dumps({"schedule": {"version": str(version), "conference": conference}}).encode()


def moved(talks: Sequence[Talk], code: str, *, by_s: float = 0.0, hall: str = "") -> list[Talk]:
    """The talks with one of them later, or in another hall."""
    return [
        replace(
            talk, starts_s=talk.starts_s + by_s, ends_s=talk.ends_s + by_s, hall=hall or talk.hall
        ) if talk.code == code else talk
        for talk in talks
    ]  # fmt: skip


def _talk(talk: ScheduledTalk, timeline: Timeline) -> Talk:
    starts_s = timeline.seconds(talk.starts_at)
    seconds = max(1, round((talk.ends_at - talk.starts_at).total_seconds() / timeline.speed))
    recorded = talk.recording == "allowed"
    return Talk(talk.code, talk.title, talk.location, talk.language, recorded, starts_s, starts_s + seconds)


def _zone(talk: ScheduledTalk) -> tzinfo:
    """As its date is written."""
    try:
        return datetime.fromisoformat(str(talk.event.get("date"))).tzinfo or UTC
    except ValueError:
        return UTC


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"00:{minutes // 60:02}:{minutes % 60:02}:{rest:02}"
