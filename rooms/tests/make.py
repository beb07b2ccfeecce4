"""Rooms, talks and schedules for tests."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.utils import timezone

from rooms.models import AccessKey, Room
from rooms.people import password_digest
from rooms.schedule import ScheduledTalk

DATA = Path(__file__).parent / "data"
ON_STAGE = datetime(2025, 8, 30, 12, 5, tzinfo=UTC)


def event(**changes: Any) -> dict[str, Any]:
    """An event as pretalx gives it; a change to None of a key named `without` drops it."""
    whole = {
        "guid": "0a0a0a0a-0000-5000-8000-000000000009", "code": "TALK9X", "date": "2025-08-30T14:05:00+02:00",
        "duration": "00:45", "room": "Saal 1", "slug": "camp-9-talk", "title": "A talk", "track": None,
        "language": "en", "abstract": "", "description": "", "do_not_record": False, "persons": [],
    }  # fmt: skip
    return {**whole, **changes}


def schedule(*events: dict[str, Any], **conference: Any) -> bytes:
    """A schedule of one day in one room."""
    day = {"index": 1, "date": "2025-08-30", "rooms": {"Saal 1": list(events)}}
    whole = {"time_zone_name": "Europe/Berlin", "tracks": [], "days": [day], **conference}
    return json.dumps({"schedule": {"version": "1", "conference": whole}}).encode()


def talk(code: str = "TALK9X", **changes: Any) -> ScheduledTalk:
    """A talk as the parser gives it."""
    recording = changes.get("recording", "allowed")
    said = {"allowed": {"do_not_record": False}, "forbidden": {"do_not_record": True}, "unknown": {}}[
        recording
    ]
    values: dict[str, Any] = {
        "code": code, "title": "A talk", "abstract": "", "track": "", "colour": "#1a7f37", "location": "Saal 1",
        "presenters": ("Speaker One",), "starts_at": ON_STAGE, "ends_at": ON_STAGE + timedelta(minutes=45),
        "language": "en", "recording": recording, "event": {"code": code, **said},
    }  # fmt: skip
    return ScheduledTalk(**{**values, **changes})


def person(name: str = "ada", *, group: str = "hosts") -> User:
    """A user who may host."""
    user, _ = User.objects.get_or_create(username=name)
    user.groups.add(Group.objects.get_or_create(name=group)[0])
    return user


def login_key(user: User, *, hashed: str, expires_at: datetime | None = None) -> AccessKey:
    """A stored key of the password that all hosts share."""
    digest = password_digest(settings.ENV.host_password)
    return AccessKey.objects.create(
        hash=hashed, user=user, password_digest=digest, expires_at=expires_at or timezone.now()
    )


def room(code: str = "TALK9X", **changes: Any) -> Room:
    """A stored talk of the schedule, running now."""
    now = timezone.now()
    values: dict[str, Any] = {
        "title": f"Title of {code}", "origin": Room.Origin.SCHEDULE, "in_schedule": True, "presenters": [],
        "starts_at": now - timedelta(minutes=5), "ends_at": now + timedelta(minutes=40), "language": "en",
        "schedule_event": {"code": code, "do_not_record": False},
    }  # fmt: skip
    return Room.objects.create(code=code, **{**values, **changes})
