"""The conference wire's answers byte for byte, as clients have always got them (docs: conference wire)."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from ops.showcase.rows import zone_of_afternoon
from rooms.models import Event, Room
from rooms.tests.make import room

pytestmark = pytest.mark.django_db
HOST, ADMIN = "host-password", "admin-password"
_addresses = (f"2001:db8:ffff:{number:x}::1" for number in count(1))
WRONG = b'{"status": "fail", "detail": "Wrong password"}'
NO_KEY = b'{"status": "fail", "detail": "Unknown, expired or revoked key"}'


@pytest.fixture
def wire(settings: Any) -> Client:
    settings.SECURE_SSL_REDIRECT = False
    return Client(REMOTE_ADDR=next(_addresses))


def body(wire: Client, path: str, **sent: Any) -> tuple[int, bytes]:
    """Status and body; a key is masked."""
    answer = wire.post(path, json.dumps(sent), content_type="application/json")
    assert answer["Content-Type"] == "application/json"
    return answer.status_code, re.sub(rb"[0-9a-f]{32}", b"KEY", answer.content)


@pytest.mark.parametrize(
    ("password", "role", "expected"),
    [
        (HOST, None, (200, b'{"status": "ok", "key": "KEY", "power": "host", "expire_hours": 3}')),
        (HOST, "host", (200, b'{"status": "ok", "key": "KEY", "power": "host", "expire_hours": 3}')),
        (ADMIN, None, (200, b'{"status": "ok", "key": "KEY", "power": "admin", "expire_hours": 3}')),
        (ADMIN, "host", (200, b'{"status": "ok", "key": "KEY", "power": "admin", "expire_hours": 3}')),
        (ADMIN, "admin", (200, b'{"status": "ok", "key": "KEY", "power": "admin", "expire_hours": 3}')),
        (HOST, "admin", (503, b'{"status": "fail", "detail": "This password does not give the role admin"}')),
        ("wrong", None, (503, WRONG)),
        ("", None, (503, WRONG)),
    ],
)
def test_login(wire: Client, password: str, role: str | None, expected: tuple[int, bytes]) -> None:
    assert body(wire, "/login", password=password, role=role) == expected


@pytest.mark.parametrize(("password", "power"), [(HOST, b"host"), (ADMIN, b"admin")])
def test_auth_and_validate(wire: Client, password: str, power: bytes) -> None:
    key = wire.post("/login", {"password": password}, content_type="application/json").json()["key"]
    assert body(wire, "/auth", key=key) == (200, b'{"status": "valid", "power": "' + power + b'"}')
    assert body(wire, "/validate", key=key) == (200, b'{"status": "valid"}')
    assert body(wire, "/auth", password=password) == (200, b'{"status": "ok"}')
    assert body(wire, "/auth", password="wrong") == (401, WRONG)
    assert body(wire, "/auth", key="0" * 32) == (401, NO_KEY)
    assert body(wire, "/validate", key="0" * 32) == (401, NO_KEY)


def test_room_list(wire: Client, settings: Any) -> None:
    settings.ENV = settings.ENV.model_copy(update={"source_langs": ["en"], "default_source_lang": "en"})
    room("TALK9X", title="Löten", presenters=["Speaker One"], track="Hardware", location="Saal 1")
    room("DEMO", origin=Room.Origin.MANUAL, starts_at=None, ends_at=None, language="")
    langs = wire.get("/room_list").json()["available_target_langs"]
    expected = (
        '{"available_source_langs": ["en"], "available_target_langs": ' + json.dumps(langs) + ", "
        '"max_active_rooms": 0, "rooms": ['
        '{"id": "TALK9X", "title": "L\\u00f6ten", "description": "", "track": {"name": "Hardware", "color": "#808080"},'
        ' "location": "Saal 1", "presenter": "Speaker One", "host_connection_id": "", "source_lang": "en"}, '
        '{"id": "DEMO", "title": "Title of DEMO", "description": "", "track": {"name": "", "color": "#808080"},'
        ' "location": "", "presenter": "Unknown", "host_connection_id": "", "source_lang": "en"}]}'
    )
    assert wire.get("/room_list").content == expected.encode()


def test_vote(wire: Client) -> None:
    zone = zone_of_afternoon(timezone.now())  # at any hour noon is of the same day there
    Event.objects.update(time_zone=zone)
    noon = timezone.localtime(timezone=ZoneInfo(zone)).replace(hour=12, minute=0, second=0, microsecond=0)
    at = datetime.fromtimestamp(noon.timestamp(), UTC)
    room("TALK9X", title="Löten", starts_at=at, ends_at=at + timedelta(minutes=45), location="Saal 1",
         schedule_event={"id": 7, "url": None}, presenters=["Speaker One", "Speaker Two"])  # fmt: skip
    expected = (
        '[{"id": 7, "url": "", "code": "TALK9X", "title": "L\\u00f6ten", "track": {"name": "", "color": "#808080"},'
        ' "room": "Saal 1", "abstract": "", "description": "", "persons": "Speaker One, Speaker Two",'
        f' "date": "{noon.isoformat()}", "start": "12:00", "duration": "00:45", "language": "en", "votes": 0}}]'
    )
    assert wire.get("/vote").content == expected.encode()
    assert body(wire, "/vote/TALK9X", vote=True) == (200, b"1")
    assert wire.get("/vote/TALK9X/remove").content == b"0"
    assert wire.get("/vote/TALK9X/remove").content == (
        b'{"status": "fail", "detail": "There is no vote to remove"}'
    )
    assert body(wire, "/vote/NONE", vote=True) == (
        404,
        b'{"status": "fail", "detail": "There is no such talk to vote on"}',
    )
