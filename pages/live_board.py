"""The board of /live: what is known of all halls, put together from each app's overview. No query to Redis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from asr.rooms import messages
from asr.rooms.models import HostMessage
from asr.rooms.overview import SessionNow, sessions_now, workers_now
from pages.languages import shown_name
from pages.live_levels import RoomFacts, lateness, level_of, problems_of
from rooms.models import Room
from rooms.overview import HallNow, halls_now
from transcripts.overview import last_text_at
from translation.overview import TranslationNow, engines_now, readers_now, screens_now, translations_now


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known at one moment, by room."""

    now: datetime
    sessions: Mapping[int, SessionNow]
    text_at: Mapping[int, datetime | None]
    readers: Mapping[int, Mapping[str, int]]
    translations: Mapping[int, TranslationNow]
    told: Mapping[int, HostMessage]
    screens: Mapping[int, Mapping[str, float]]


def board() -> dict[str, Any]:
    """Everything, as plain values for JSON. So many queries whatever the number of halls."""
    now = timezone.now()
    sessions = sessions_now(now=now)
    halls = halls_now([pk for pk, session in sessions.items() if session.is_open], now=now)
    shown = [room.pk for hall in halls for room in hall.rooms]
    readers = readers_now(shown, now=now)
    known = _Known(
        now,
        sessions,
        last_text_at([session.part_id for session in sessions.values()]),
        readers,
        translations_now(readers),
        messages.newest_messages(shown),
        screens_now(shown, now=now),
    )
    workers = workers_now(now=now)
    alive = [worker for worker in workers if worker.alive]
    return {
        "halls": [_hall(hall, known) for hall in halls],
        "slots": {"taken": sum(w.taken for w in alive), "total": sum(w.slots for w in alive)},
        "workers": [asdict(worker) for worker in workers],
        "engines": [asdict(engine) for engine in engines_now()],
    }


def _hall(hall: HallNow, known: _Known) -> dict[str, Any]:
    coming = hall.next
    place = hall.hall.name if hall.hall else hall.rooms[0].location
    event = hall.hall.event if hall.hall else hall.rooms[0].event
    return {
        "key": f"hall-{hall.hall.slug}" if hall.hall else f"room-{hall.rooms[0].code}",
        "name": place,
        "event": event.title,
        "screen": f"/hall/{hall.hall.slug}" if hall.hall else "",
        "rooms": [_room(room, known) for room in hall.rooms],
        "next": _talk(coming) if coming else None,
    }


def _talk(room: Room) -> dict[str, Any]:
    zone = room.event.zone
    return {
        "code": room.code,
        "title": room.title,
        "speakers": ", ".join(room.presenters),
        "starts": f"{room.starts_at.astimezone(zone):%H:%M}" if room.starts_at else "",
        "ends": f"{room.ends_at.astimezone(zone):%H:%M}" if room.ends_at else "",
        "recorded": not room.do_not_record,
        "published": room.published,
    }


def _room(room: Room, known: _Known) -> dict[str, Any]:
    session = known.sessions.get(room.pk)
    facts = _facts(room, session, known)
    problems = problems_of(facts)
    readers = known.readers.get(room.pk, {})
    told = known.told.get(room.pk)
    delay_s, translation_s = session.delay_s if session else None, facts.translation.delay_s
    return {
        **_talk(room),
        "state": _state(session),
        "level": level_of(facts, problems),
        "problems": [asdict(problem) for problem in problems],
        "host": _host(session),
        "lang": session.source_lang if session else "",
        "lang_name": shown_name(session.source_lang) if session else "",
        "stored": session.stored if session else None,
        "heard": session.heard if session else True,
        "typed": session.typed if session else False,
        "delay_s": delay_s,
        "delay_level": lateness(delay_s),
        "translation_s": translation_s,
        "translation_level": lateness(translation_s),
        "screens": [
            {"lang": lang, "name": shown_name(lang), "seconds": seconds}
            for lang, seconds in known.screens.get(room.pk, {}).items()
        ],
        "text_s": facts.text_s,
        "readers": [{"lang": lang, "name": shown_name(lang), "count": n} for lang, n in _most(readers)],
        "engine": {"model": session.model, "device": session.device, "worker": session.worker}
        if session and session.is_open
        else None,
        "told": {
            "text": told.text,
            "seen": told.seen_at is not None,
            "age_s": _age_s(told.sent_at, known.now),
        }
        if told
        else None,
    }


def _facts(room: Room, session: SessionNow | None, known: _Known) -> RoomFacts:
    text_at = known.text_at.get(session.part_id) if session else None
    return RoomFacts(
        session,
        known.translations.get(room.pk, TranslationNow()),
        begun_s=_age_s(room.starts_at, known.now) if room.starts_at else None,
        text_s=_age_s(text_at, known.now) if text_at else None,
        do_not_record=room.do_not_record,
    )


def _state(session: SessionNow | None) -> str:
    """closed, waiting, live, grace, closing or failed."""
    if session is None:
        return "closed"
    if session.is_open and session.host_state == "away":
        return "grace"
    return {"starting": "waiting"}.get(session.state, session.state)


def _host(session: SessionNow | None) -> dict[str, Any] | None:
    """Who; never by which key."""
    if session is None or not session.is_open:
        return None
    return {"name": session.host, "shared": session.shared, "connected": session.host_state == "connected"}


def _most(readers: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(readers.items(), key=lambda item: (-item[1], item[0]))


def _age_s(at: datetime, now: datetime) -> float:
    return round((now - at).total_seconds(), 1)
