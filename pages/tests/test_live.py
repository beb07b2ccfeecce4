"""/live: what operators see of all halls, and what they do to a room."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from asr.leases import Progress, beat
from asr.models import Session
from asr.rooms.models import HostMessage
from asr.rooms.overview import sessions_now
from asr.rooms.pen import take_pen
from asr.rooms.presence import leave_as_host
from asr.rooms.services import open_by_hand
from asr.tests.make import TERMS, aged, join, room_session_of, served, session_of
from pages.live_levels import RoomFacts, level_of, problems_of
from rooms.models import Event, Hall, Room
from rooms.people import OPERATORS
from rooms.tests.make import person, room
from transcripts.services import NewSentence, add_sentences
from translation.demand import lease
from translation.overview import TranslationNow

pytestmark = pytest.mark.django_db
HTML = {"Accept": "text/html"}


def signed_in(name, group):
    client = Client(headers=HTML)
    client.force_login(person(name, group=group))
    return client


@pytest.fixture
def operator():
    return signed_in("olga", OPERATORS)


@pytest.fixture
def hall():
    return Hall.objects.create(event=Event.objects.get(from_settings=True), name="Saal 1", slug="saal-1")


def shown(client):
    return client.get("/api/live").json()


def only_room(client):
    [found] = [room for hall in shown(client)["halls"] for room in hall["rooms"]]
    return found


def codes(found):
    return [problem["code"] for problem in found["problems"]]


class TestWho:
    def test_nobody_is_asked_to_sign_in_and_comes_back(self):
        answer = Client(headers=HTML).get("/live")
        assert (answer.status_code, answer["Location"]) == (302, "/login?next=%2Flive")
        assert Client().get("/api/live").status_code == 401

    def test_a_host_is_refused_and_told_what_to_do(self):
        host = signed_in("hugo", "hosts")
        answer = host.get("/live")
        assert answer.status_code == 403
        assert "ask an organiser" in answer.content.decode()
        assert host.get("/api/live").json() == {"error": "operator_required"}
        assert 'href="/live"' not in host.get("/").content.decode()

    @pytest.mark.parametrize("group", [OPERATORS, "admins"])
    def test_operators_and_admins_come_in(self, group):
        client = signed_in("olga", group)
        assert client.get("/live").status_code == 200
        assert 'href="/live"' in client.get("/").content.decode()

    def test_what_changes_something_needs_the_page_s_token(self):
        client = Client(enforce_csrf_checks=True)
        client.force_login(person("olga", group=OPERATORS))
        host_lease = join("A")
        answer = client.post("/api/live/A/close", data="{}", content_type="application/json")
        assert (answer.status_code, answer.json()) == (403, {"error": "csrf"})
        assert session_of(host_lease).state == "starting"


class TestBoard:
    def test_a_live_room_shows_all_that_an_operator_asks(self, operator, hall):
        ada = User.objects.create(username="ada", first_name="Ada", last_name="Lovelace")
        talk = room("A", hall=hall, title="Signs & <speech>", presenters=["Ada L."])
        host_lease = join(talk, terms=replace(TERMS, owner_id=ada.pk))
        lease_of_process = served(host_lease)
        beat(lease_of_process, Progress(2000, 1000, audio_waits=False, delay_s=1.25))
        add_sentences(part=room_session_of(host_lease).part, sentences=[NewSentence(0, 900, "Hello.")])
        lease("web 1", {(talk.pk, "de"): 3, (talk.pk, "en"): 1})
        starts_at = timezone.now() + timedelta(hours=1)
        room("B", hall=hall, starts_at=starts_at, ends_at=starts_at + timedelta(hours=1), do_not_record=True)
        data = shown(operator)
        [card] = data["halls"]
        assert (card["name"], card["screen"], card["next"]["code"], card["next"]["recorded"]) == (
            "Saal 1", "/hall/saal-1", "B", False,
        )  # fmt: skip
        [found] = card["rooms"]
        assert (found["state"], found["level"], found["problems"]) == ("live", "good", [])
        assert found["host"] == {"name": "Ada Lovelace", "shared": False, "connected": True}
        assert (found["delay_s"], found["delay_level"], found["lang_name"]) == (1.25, "good", "English")
        assert found["readers"] == [
            {"lang": "de", "name": "German", "count": 3},
            {"lang": "en", "name": "English", "count": 1},
        ]
        assert found["engine"] == {"model": "base", "device": "cpu", "worker": "asr@test"}
        assert found["text_s"] < 60
        assert data["slots"] == {"taken": 1, "total": 9}
        assert "a" * 64 not in json.dumps(data)  # the login key

    def test_the_page_has_the_board_in_it(self, operator, hall):
        room("A", hall=hall, title="</script><b>")
        html = operator.get("/live").content.decode()
        assert "Saal 1" in html
        assert "</script><b>" not in html

    def test_it_asks_as_much_for_many_rooms_as_for_one(self, operator, hall, django_assert_max_num_queries):
        counts = []
        for number in range(3):
            place = Hall.objects.create(event=hall.event, name=f"Saal {number + 2}", slug=f"s-{number}")
            host_lease = join(room(f"ROOM{number}", hall=place))
            served(host_lease, pid=number + 1)
            lease("web 1", {(host_lease.room_id, "de"): 3})
            operator.post(
                f"/api/live/ROOM{number}/message", {"text": "Hello."}, content_type="application/json"
            )
            shown(operator)
            with CaptureQueriesContext(connection) as counted:
                shown(operator)
            counts.append(len(counted))
        assert counts[0] == counts[2]
        with django_assert_max_num_queries(22):
            shown(operator)

    def test_a_redis_that_is_away_hides_nothing(self, operator, hall, settings, tmp_path):
        settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"
        settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": settings.REDIS_URL}}
        host_lease = join(room("A", hall=hall))
        served(host_lease)
        assert only_room(operator)["state"] == "live"
        assert operator.get("/live").status_code == 200

    def test_a_talk_that_nobody_opened_is_worth_a_look_and_one_not_to_be_recorded_is_not(
        self, operator, hall
    ):
        talk = room("A", hall=hall)
        assert (only_room(operator)["level"], codes(only_room(operator))) == ("warn", ["not_opened"])
        Room.objects.filter(pk=talk.pk).update(do_not_record=True)
        assert (only_room(operator)["level"], only_room(operator)["recorded"]) == ("idle", False)

    def test_a_host_who_is_gone_and_a_worker_that_does_not_come_are_urgent(self, operator, hall):
        host_lease = join(room("A", hall=hall))
        leave_as_host(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
        aged(host_lease, queued_at=30)
        found = only_room(operator)
        assert (found["state"], found["level"]) == ("grace", "bad")
        assert set(codes(found)) == {"host_away", "waits"}

    def test_a_room_that_a_captioner_opened_misses_neither_sound_nor_a_recogniser(self, operator, hall):
        room("A", hall=hall)
        open_by_hand("A", TERMS)
        Session.objects.update(
            queued_at=timezone.now() - timedelta(minutes=1), created_at=timezone.now() - timedelta(seconds=30)
        )
        found = only_room(operator)
        assert (found["state"], found["level"], found["problems"]) == ("live", "good", [])
        assert (found["heard"], found["typed"]) == (False, False)
        take_pen(Room.objects.get().pk)
        assert only_room(operator)["typed"]

    def test_a_room_that_failed_stays_in_sight(self, operator, hall):
        join(room("A", hall=hall))
        Session.objects.update(state="failed", closed_at=timezone.now())
        assert (only_room(operator)["state"], codes(only_room(operator))) == ("failed", ["failed"])


class TestLevels:
    @pytest.fixture
    def session(self):
        host_lease = join("A")
        beat(served(host_lease), Progress(2000, 1000, audio_waits=False, delay_s=1.0))
        return sessions_now()[host_lease.room_id]

    def facts(self, session, *, text_s=1.0, **changes):
        values = {"opened_s": 3600.0, "heard_s": 0.5, **changes}
        return RoomFacts(replace(session, **values), TranslationNow(), 600.0, text_s, do_not_record=False)

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({}, []),
            ({"delay_s": 4.9}, []),
            ({"delay_s": 5.0}, [("late", "warn")]),
            ({"delay_s": 10.0}, [("late", "bad")]),
            ({"heard_s": 12.0}, [("no_sound", "warn")]),
            ({"heard_s": 31.0}, [("no_sound", "bad")]),
            ({"heard_s": None, "opened_s": 5.0}, []),
            ({"heard_s": None, "opened_s": 15.0}, [("no_sound", "warn")]),
            ({"text_s": 46.0}, [("no_words", "warn")]),
            ({"text_s": 181.0}, [("no_words", "bad")]),
            ({"text_s": None, "opened_s": 20.0}, []),
            ({"heard_s": 31.0, "typed": True}, []),
            ({"text_s": 46.0, "typed": True}, [("nothing_typed", "warn")]),
            ({"host_state": "away", "heard": False}, [("captioner_away", "bad")]),
            ({"beat_s": 6.0}, [("process_silent", "bad")]),
            ({"deaths": 2}, [("died", "warn")]),
            ({"last_error": "audio_waits", "last_error_s": 5.0}, [("told_host", "warn")]),
            ({"last_error": "audio_waits", "last_error_s": 500.0}, []),
            ({"delay_s": 12.0, "deaths": 1}, [("late", "bad"), ("died", "warn")]),
        ],
    )
    def test_what_needs_an_operator(self, session, changes, expected):
        facts = self.facts(session, **changes)
        found = problems_of(facts)
        assert [(problem.code, problem.level) for problem in found] == expected
        assert level_of(facts, found) == (expected[0][1] if expected else "good")

    def test_translations_that_fail_or_lag_are_named(self, session):
        facts = replace(
            self.facts(session), translation=TranslationNow(11.0, {"de": "timeout", "fr": "timeout"}, ("uk",))
        )
        assert [(p.code, p.level, p.values) for p in problems_of(facts)] == [
            ("translation_late", "bad", {"seconds": 11}),
            ("translation_fails", "warn", {"languages": "de, fr", "codes": "timeout"}),
            ("translation_quota", "warn", {"languages": "uk"}),
        ]


class TestActs:
    def post(self, client, what, code="A", **body):
        answer = client.post(f"/api/live/{code}/{what}", body, content_type="application/json")
        return answer.status_code, answer.json()

    def test_closing_and_restarting(self, operator):
        host_lease = join("A")
        served(host_lease)
        assert self.post(operator, "restart") == (200, {"done": True})
        assert session_of(host_lease).state == "closing"
        assert self.post(operator, "close") == (200, {"done": True})
        assert self.post(operator, "close") == (409, {"error": "not_active"})
        assert self.post(operator, "close", "NONE") == (404, {"error": "room_not_found"})

    def test_opening_leads_to_the_host_s_page(self, operator):
        talk = room("A", published=False)
        assert self.post(operator, "open") == (200, {"host": "/room/A/host"})
        talk.refresh_from_db()
        assert talk.published
        Room.objects.update(do_not_record=True)
        assert self.post(operator, "open") == (403, {"error": "do_not_record"})

    def test_a_message_reaches_the_host_s_page_and_its_reading_the_operator(self, operator, hall):
        room("A", hall=hall)
        assert self.post(operator, "message", text="Louder, please.") == (200, {"done": True})
        assert only_room(operator)["told"]["seen"] is False
        host = signed_in("hugo", "hosts")
        [told] = host.get("/api/host/A").json()["messages"]
        assert told["text"] == "Louder, please."
        host.post("/api/host/A/seen", {"upto": told["id"]}, content_type="application/json")
        assert only_room(operator)["told"]["seen"] is True

    @pytest.mark.parametrize(
        ("text", "code"), [("", "no_text"), ("x" * 281, "text_too_long"), ("x" * 2000, "bad_field")]
    )
    def test_a_message_that_says_nothing_or_too_much_is_refused(self, operator, text, code):
        room("A")
        assert self.post(operator, "message", text=text) == (400, {"error": code})
        assert not HostMessage.objects.exists()

    def test_a_host_does_none_of_it(self):
        host_lease = join("A")
        host = signed_in("hugo", "hosts")
        for what in ("open", "restart", "close", "message"):
            assert self.post(host, what, text="x") == (403, {"error": "operator_required"})
        assert session_of(host_lease).state == "starting"
