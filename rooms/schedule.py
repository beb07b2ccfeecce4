"""A pretalx/frab schedule, JSON or XML, as talks (docs/wires/schedule.md). Pure: bytes in, values out.

What is no schedule is refused whole: BadInput, with a reason that names the place. A single event that cannot be read
is skipped and reported: one typing error in one talk must not keep a conference's changes from its rooms. Whether a talk may be recorded fails closed: what the schedule does not clearly allow is not allowed.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from rooms.errors import BadInput
from rooms.schedule_xml import broken, conference_from_xml

MAX_BYTES = 10_000_000
MAX_TALKS = 10_000
MAX_ABSTRACT_CHARS = 20_000
MAX_PRESENTERS = 50
MAX_DEPTH = 8
DEFAULT_COLOUR = "#808080"
# What PostgreSQL refuses to store, and what turns the direction of whatever stands behind it on a page.
UNSAFE_TEXT = re.compile("[\x00\ud800-\udfff\u202a-\u202e\u2066-\u2069]")

Recording = Literal["allowed", "forbidden", "unknown"]

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_DURATION = re.compile(r"(?:(\d{1,2}):)?(\d{1,3}):([0-5]\d)(?::([0-5]\d))?")  # [days:]hours:minutes[:seconds]
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_SHORT_COLOUR = re.compile(r"#[0-9a-fA-F]{3}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True, slots=True)
class ScheduledTalk:
    """One event of a schedule. `event`: all its fields, in the JSON form's names."""

    code: str
    title: str
    abstract: str
    track: str
    colour: str
    location: str
    presenters: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    language: str
    recording: Recording
    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Talks by start, and the codes of events that cannot be read ("" where not even the code can)."""

    talks: list[ScheduledTalk]
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Context:
    """What an event is read with."""

    zone: ZoneInfo
    zone_name: str
    colours: dict[str, str]


def parse_schedule(data: bytes, *, zone: ZoneInfo) -> Schedule:
    """The talks of a schedule in JSON or XML, by start. `zone` dates talks where nothing else says.

    Skipped: an event without code, start or duration. Raises BadInput: too large, not a schedule, no event that
    can be read.
    """
    if len(data) > MAX_BYTES:
        raise BadInput("schedule_too_large", max_bytes=MAX_BYTES)
    start = data[:200].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<"):
        conference = conference_from_xml(data)
    elif start.startswith(b"{"):
        conference = _conference_from_json(data)
    else:
        broken("neither JSON nor XML")
    context = _Context(zone, _text(conference.get("time_zone_name")), _colours(conference.get("tracks")))
    talks, unreadable, problem = [], [], "no events in it"
    for event, room in _events(conference):
        try:
            talks.append(_talk(context, event, room))
        except BadInput as error:
            problem = str(error.parameters["problem"])
            unreadable.append(_code_of(event))
        except RecursionError:
            broken("nested too deeply")
    if not talks:
        broken(problem)
    return Schedule(_with_unique_codes(talks), tuple(unreadable))


def recording_of(event: dict[str, Any]) -> Recording:
    """What an event says about recording; anything but a clear word is "unknown", which allows nothing."""
    nested = event.get("recording")
    words = [event.get("do_not_record"), nested.get("optout") if isinstance(nested, dict) else None]
    answers = {_yes_or_no(word) for word in words}
    if True in answers:
        return "forbidden"
    return "allowed" if False in answers else "unknown"


def _yes_or_no(value: object) -> bool | None:
    text = str(value).strip().lower() if isinstance(value, bool | int | str) else ""
    return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(text)


def _conference_from_json(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        broken("malformed JSON")
    schedule = document.get("schedule")
    conference = schedule.get("conference") if isinstance(schedule, dict) else None
    if not isinstance(conference, dict):
        broken("no schedule.conference in it")
    return conference


def _events(conference: dict[str, Any]) -> Iterator[tuple[object, str]]:
    """Every event with its room's name."""
    days = conference.get("days")
    count = 0
    for day in days if isinstance(days, list) else broken("no list of days"):
        rooms = day.get("rooms") if isinstance(day, dict) else None
        if rooms == []:  # PHP's empty object
            continue
        for room, events in rooms.items() if isinstance(rooms, dict) else broken("a day without rooms"):
            for event in events if isinstance(events, list) else broken("a room without a list of events"):
                count += 1
                if count > MAX_TALKS:
                    broken(f"more than {MAX_TALKS} events")
                yield event, str(room)


def _talk(context: _Context, raw: object, room: str) -> ScheduledTalk:
    event: dict[str, Any] = storable(raw) if isinstance(raw, dict) else broken("an event that is no object")
    code = _code_of(event) or broken("an event without a usable code, slug or guid")
    starts_at = _starts_at(event, context, code)
    duration = _DURATION.fullmatch(_text(event.get("duration")))
    if duration is None:
        broken(f"event {code} has no duration HH:MM")
    days, hours, minutes, seconds = (int(group or 0) for group in duration.groups())
    track = _text(event.get("track"))[:200]
    try:
        ends_at = starts_at + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        broken(f"event {code} has an impossible date")
    return ScheduledTalk(
        code=code,
        title=(_text(event.get("title")) or code)[:500],
        abstract=(_text(event.get("abstract")) or _text(event.get("description")))[:MAX_ABSTRACT_CHARS],
        track=track,
        colour=context.colours.get(track, DEFAULT_COLOUR),
        location=(_text(event.get("room")) or UNSAFE_TEXT.sub("", room))[:200],
        presenters=_presenters(event.get("persons")),
        starts_at=starts_at,
        ends_at=ends_at,
        language=_language(event.get("language")),
        recording=recording_of(event),
        event=event,
    )


def _code_of(event: object) -> str:
    """The talk's code; old producers have only a slug or a guid. "" where there is none."""
    if not isinstance(event, dict):
        return ""
    values = [event.get(field) for field in ("code", "slug", "guid", "id")]
    codes = [str(value) for value in values if isinstance(value, str | int)]
    return next((code for code in codes if _CODE.fullmatch(code)), "")


def _starts_at(event: dict[str, Any], context: _Context, code: str) -> datetime:
    try:
        starts_at = datetime.fromisoformat(_text(event.get("date")))
        if starts_at.tzinfo is None:
            zone = ZoneInfo(context.zone_name) if context.zone_name else context.zone
            starts_at = starts_at.replace(tzinfo=zone)
        return starts_at.astimezone(ZoneInfo("UTC"))
    except (ValueError, OverflowError, KeyError, OSError):
        broken(f"event {code} has no date with time")


def _presenters(persons: object) -> tuple[str, ...]:
    names = []
    for person in persons[:MAX_PRESENTERS] if isinstance(persons, list) else ():
        if isinstance(person, dict):
            person = _text(person.get("public_name")) or _text(person.get("name"))
        name = _text(person)
        if name:
            names.append(name[:200])
    return tuple(names)


def _colours(tracks: object) -> dict[str, str]:
    """Each track's colour as #rrggbb, where it has a usable one."""
    colours = {}
    for entry in tracks if isinstance(tracks, list) else ():
        if not isinstance(entry, dict):
            continue
        colour = _text(entry.get("color"))
        if _SHORT_COLOUR.fullmatch(colour):
            colour = "#" + "".join(digit * 2 for digit in colour[1:])
        if _COLOUR.fullmatch(colour):
            colours[_text(entry.get("name"))[:200]] = colour
    return colours


def _language(value: object) -> str:
    """de, de-DE, de_formal → de; what is no code → ""."""
    base = re.split("[-_]", _text(value).lower(), maxsplit=1)[0]
    return base if _LANGUAGE.fullmatch(base) else ""


def _text(value: object) -> str:
    """A string, or the first string of a translated one; null and anything else is ""."""
    if isinstance(value, dict):
        value = next((text for text in (value.get("en"), *value.values()) if isinstance(text, str)), "")
    return value.strip() if isinstance(value, str) else ""


def storable(value: Any, depth: int = 0) -> Any:
    """The value without what PostgreSQL refuses (NUL, lone surrogates, NaN) and without depths nobody reads."""
    if isinstance(value, str):
        return UNSAFE_TEXT.sub("", value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict | list) and depth >= MAX_DEPTH:
        return None
    if isinstance(value, dict):
        return {storable(key): storable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [storable(item, depth + 1) for item in value]
    return value


def _with_unique_codes(talks: list[ScheduledTalk]) -> list[ScheduledTalk]:
    """A talk given twice has one code in pretalx; its repetitions get -2, -3, … by start."""
    talks = sorted(talks, key=lambda talk: (talk.starts_at, talk.location))
    taken = {talk.code for talk in talks}
    given: dict[str, int] = {}
    unique = []
    for talk in talks:
        number = given.get(talk.code, 0) + 1
        code = talk.code
        while number > 1 and (code := f"{talk.code[:58]}-{number}") in taken:
            number += 1
        given[talk.code] = number
        taken.add(code)
        unique.append(replace(talk, code=code))
    return unique
