"""/api/live/X/translation: what operators choose for a room's translations."""

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from rooms.people import OPERATORS
from rooms.tests.make import person, room
from translation.models import RoomTranslation

pytestmark = pytest.mark.django_db
PATH = "/api/live/TALK1/translation"


def signed_in(name: str, group: str) -> Client:
    client = Client()
    client.force_login(person(name, group=group))
    return client


def put(client: Client, **body: object):
    return client.put(PATH, json.dumps(body), content_type="application/json")


@pytest.fixture(autouse=True)
def engines(env, settings) -> None:
    settings.SECURE_SSL_REDIRECT = False
    env(
        translation_engines=["bergamot", "scripted"],
        translation_room_chars_per_day=1000,
        source_langs=["en", "de"],
    )


def test_operator_reads_and_changes_how_a_room_is_translated():
    at = room("TALK1")
    operator = signed_in("olga", OPERATORS)
    before = operator.get(PATH).json()
    assert (before["engines"], before["known_engines"], before["quota"]) == (
        [],
        ["bergamot", "scripted"],
        1000,
    )
    assert {"de", "pt", "uk"} <= set(before["langs"])
    after = put(operator, engines=["bergamot"], formality="formal", chars_per_day=0).json()
    assert after == {
        "engines": ["bergamot"], "formality": "formal", "chars_per_day": 0, "known_engines": ["bergamot", "scripted"],
        "quota": 0, "chars_today": 0, "langs": ["en", "pt"],
    }  # fmt: skip
    assert LogEntry.objects.get(object_id=str(at.pk)).change_message == "Changed how it is translated."
    assert put(operator).json() == before


@pytest.mark.parametrize(
    "body",
    [{"engines": ["nobody"]}, {"engines": "bergamot"}, {"formality": "rude"}, {"chars_per_day": -1}, {"chars_per_day": 10**12}, {"more": 1}],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_is_refused_and_changes_nothing(body):
    room("TALK1")
    assert put(signed_in("olga", OPERATORS), **body).status_code == 400
    assert not RoomTranslation.objects.exists()


def test_hosts_and_strangers_may_not():
    room("TALK1")
    assert signed_in("ada", "hosts").get(PATH).status_code == 403
    assert put(signed_in("ada", "hosts")).status_code == 403
    assert Client().get(PATH).status_code == 401
    assert signed_in("olga", OPERATORS).get("/api/live/NOWHERE/translation").status_code == 404
