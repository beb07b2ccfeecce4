"""The conference wire over HTTP: what old clients depend on, and what older systems got wrong."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from asr.models import Session
from asr.rooms.models import RoomSession
from asr.tests.make import bare_session
from gateways.conference.api import MAX_BODY_BYTES
from ops.showcase.rows import zone_of_afternoon
from rooms.models import AccessKey, Event, Room
from rooms.schedule import Schedule
from rooms.services import apply_schedule
from rooms.tests.make import person, room, talk
from transcripts.models import Part
from transcripts.services import NewSentence, PartTerms, add_sentences, open_part

pytestmark = pytest.mark.django_db
GOLDEN = Path(__file__).parent / "golden"
HOST, ADMIN = "host-password", "admin-password"
_addresses = (f"2001:db8:{number:x}::1" for number in count(1))


class Wire:
    """A browser of some hall, speaking JSON under one of the two prefixes."""

    def __init__(self, prefix="", **headers):
        self.client = Client(enforce_csrf_checks=True, headers=headers, REMOTE_ADDR=next(_addresses))
        self.prefix = prefix

    def get(self, path, **more):
        return self.client.get(self.prefix + path, **more)

    def post(self, path, body=None, **more):
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        return self.client.post(self.prefix + path, data, content_type="application/json", **more)

    def key(self, password):
        return self.post("/login", {"password": password, "role": None}).json()["key"]


@pytest.fixture(params=["", "/backend"], ids=["root", "backend"])
def wire(request, settings):
    settings.SECURE_SSL_REDIRECT = False
    return Wire(request.param)


def refused(response, status):
    assert (response.status_code, response.json()["status"]) == (status, "fail"), response.content
    assert response.json()["detail"]
    return True


def golden(name, answer):
    """The answer is the golden file, key order included."""
    expected = (GOLDEN / name).read_text("utf-8")
    assert json.dumps(answer, indent=2, ensure_ascii=False) + "\n" == expected


def activate(at, lang="de", connection_id="11111111-2222-4333-8444-555555555555"):
    return bare_session(at, source_lang=lang, host=connection_id)


def say(at, *texts, store=True, public=True, owner="host", started_at=None):
    part = open_part(room=at, terms=PartTerms("de", store, public, person(owner).pk))
    if started_at:
        Part.objects.filter(pk=part.pk).update(started_at=started_at)
        part.refresh_from_db()
    rows = add_sentences(
        part=part, sentences=[NewSentence(1000 * n, 1000 * n + 900, text) for n, text in enumerate(texts)]
    )
    if started_at:
        for row in rows:
            type(row).objects.filter(pk=row.pk).update(
                created_at=started_at + timedelta(milliseconds=row.end_ms)
            )
    return part


def today(code="TALK9X", **changes):
    """A talk of today whatever the hour, for it is afternoon where its event is; hours away, so that no list of what is on shows it."""
    Event.objects.update(time_zone=zone_of_afternoon(timezone.now()))
    start = timezone.now() - timedelta(hours=5)
    return room(code, **{"starts_at": start, "ends_at": start + timedelta(minutes=45), **changes})


class TestLogin:
    def test_answer_is_what_clients_store(self, wire, settings):
        answer = wire.post("/login", {"password": HOST, "role": None}).json()
        assert (answer["status"], answer["power"], answer["expire_hours"]) == ("ok", "host", 3)
        assert len(bytes.fromhex(answer["key"])) == 16

    def test_admin_password_gives_admin_whatever_the_role(self, wire):
        for role in (None, "host", "admin"):
            assert wire.post("/login", {"password": ADMIN, "role": role}).json()["power"] == "admin"

    def test_wrong_password_and_too_little_power_are_the_503_that_its_page_has_words_for(self, wire):
        for body in ({"password": "wrong", "role": None}, {"password": HOST, "role": "admin"}):
            answer = wire.post("/login", body)
            assert refused(answer, 503)
            assert "Retry-After" not in answer

    def test_right_password_gets_in_at_once_while_a_laptop_beside_it_guesses(self, wire, settings):
        settings.ENV = settings.ENV.model_copy(update={"login_failures_per_minute": 2})
        for number in range(15):
            guesses = [wire.post("/login", {"password": f"guess {number}.{n}"}) for n in range(4)]
            assert refused(guesses[-1], 429)
            assert wire.post("/login", {"password": HOST}).json()["power"] == "host"
            assert wire.post("/login", {"password": ADMIN, "role": "admin"}).json()["power"] == "admin"

    def test_role_may_be_left_out_and_unknown_fields_are_ignored(self, wire):
        assert wire.post("/login", {"password": HOST, "remember": True}).status_code == 200

    def test_keys_and_answers_are_never_cached(self, wire):
        assert "no-store" in wire.post("/login", {"password": HOST})["Cache-Control"]


class TestAuth:
    def test_key_is_valid_with_its_power(self, wire):
        assert wire.post("/auth", {"key": wire.key(HOST)}).json() == {"status": "valid", "power": "host"}
        assert wire.post("/auth", {"key": wire.key(ADMIN)}).json() == {"status": "valid", "power": "admin"}
        assert wire.post("/validate", {"key": wire.key(HOST)}).json() == {"status": "valid"}

    def test_password_is_ok_and_a_wrong_one_fails(self, wire):
        assert wire.post("/auth", {"password": HOST}).json() == {"status": "ok"}
        assert wire.post("/auth", {"password": ADMIN}).json() == {"status": "ok"}
        assert refused(wire.post("/auth", {"password": "wrong"}), 401)

    @pytest.mark.parametrize(
        "body", [{}, None, {"key": ""}, {"key": "0" * 32}, {"key": "\x00"}, {"key": None}]
    )
    def test_no_key_or_a_wrong_one_is_401(self, wire, body):
        assert refused(wire.post("/auth", body), 401)
        assert refused(wire.post("/validate", body), 401)

    def test_expired_and_revoked_keys_are_401(self, wire):
        expired, revoked = wire.key(HOST), wire.key(ADMIN)
        AccessKey.objects.filter(user__username="host").update(expires_at=timezone.now())
        AccessKey.objects.filter(user__username="admin").update(revoked_at=timezone.now())
        for key in (expired, revoked):
            assert refused(wire.post("/auth", {"key": key}), 401)
            assert refused(wire.post("/validate", {"key": key}), 401)

    def test_login_key_is_never_refused_because_a_hall_mistypes(self, wire, settings):
        settings.ENV = settings.ENV.model_copy(update={"login_failures_per_minute": 2})
        key = wire.key(HOST)
        answers = [wire.post("/login", {"password": "wrong"}) for _ in range(8)]
        assert [answer.status_code for answer in answers] == [503, 503, *[429] * 6]
        assert all(refused(answer, 429) for answer in answers[2:])
        assert answers[2]["Retry-After"] == "1"
        for _ in range(5):
            assert wire.post("/auth", {"key": key}).status_code == 200
        assert Wire(wire.prefix).post("/login", {"password": HOST}).status_code == 200

    def test_guessing_at_auth_or_close_is_slowed_down_like_at_login(self, wire, settings):
        settings.ENV = settings.ENV.model_copy(update={"login_failures_per_minute": 2})
        for path in ("/auth", "/room/X/close"):
            guesser = Wire(wire.prefix)
            statuses = [guesser.post(path, {"password": f"guess {n}"}).status_code for n in range(8)]
            assert statuses == [401, 401, *[429] * 6]

    def test_forwarded_address_counts_only_behind_a_trusted_proxy(self, wire, settings):
        changes = {"login_failures_per_minute": 2, "trust_proxy": False}
        settings.ENV = settings.ENV.model_copy(update=changes)

        def guess(visitor, times=3):
            """The last status of some wrong passwords."""
            forged = f"203.0.113.77, {visitor}"
            return [
                wire.post("/auth", {"password": "?"}, headers={"X-Forwarded-For": forged}).status_code
                for _ in range(times)
            ][-1]

        assert guess(next(_addresses)) == guess(next(_addresses), times=1) == 429
        settings.ENV = settings.ENV.model_copy(update={**changes, "trust_proxy": True})
        assert guess(next(_addresses)) == 429
        assert guess(next(_addresses), times=1) == 401

    def test_without_postgres_a_good_key_stays_good_and_nothing_is_called_wrong(
        self, transactional_db, tmp_path
    ):
        wire = Wire()
        key = wire.key(HOST)
        host = connection.settings_dict["HOST"]
        connection.close()
        connection.settings_dict["HOST"] = str(tmp_path)
        try:
            assert wire.post("/auth", {"key": key}).json() == {"status": "valid", "power": "host"}
            assert refused(wire.post("/auth", {"key": "0" * 32}), 503)
            assert refused(wire.get("/vote"), 503)
        finally:
            connection.close()
            connection.settings_dict["HOST"] = host


NASTY = [
    b"{", b"null", b"[]", b"7", b'"x"', b"\xff\xfe", b"\x00", b'{"password": 7}', b'{"password": null}',
    b'{"key": 7}', b'{"key": []}', b'{"key": {"$ne": 1}}', b'{"role": "root", "password": "x"}', b"[" * 50_000,
    b'{"a":' * 10_000, b'{"password": "\\ud800"}', b'{"key": "\\u0000"}', b'{"vote": "true"}', b'{"vote": 1}',
    b'{"password": "' + b"x" * 2000 + b'"}', b"{'key': 'x'}", b'{"key": 1e999}', b'{"key": NaN}', b"key=x",
]  # fmt: skip
POSTS = ["/login", "/auth", "/validate", "/vote/TALK9X", "/transcript_list", "/room/TALK9X/transcript/de", "/room/TALK9X/close"]  # fmt: skip


@pytest.mark.parametrize("path", POSTS)
def test_whatever_is_posted_is_refused_never_500(path):
    room()
    for body in NASTY:
        response = Wire().post(path, body)
        assert response.status_code in (200, 400, 401, 404), body[:40]
        if response.status_code != 200:
            assert response.json()["status"] == "fail"


@pytest.mark.parametrize("path", POSTS)
def test_malformed_json_is_400(wire, path):
    assert refused(wire.post(path, b'{"key": '), 400)


@pytest.mark.parametrize("path", POSTS)
def test_body_beyond_the_limit_is_refused(wire, path):
    assert refused(wire.post(path, b" " * (MAX_BODY_BYTES + 1)), 413)


def test_refusal_repeats_nothing_of_what_was_sent(wire):
    response = wire.post("/login", {"password": ["S3CRET"], "role": "S3CRET"})
    assert b"S3CRET" not in response.content


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "/login"), ("get", "/auth"), ("post", "/room_list"), ("post", "/vote"), ("post", "/vote/A/add"),
     ("get", "/room/A/close"), ("put", "/vote/A"), ("head", "/vote/A/add"), ("delete", "/transcript_list")],
)  # fmt: skip
def test_wrong_method_is_405(wire, method, path):
    response = getattr(wire.client, method)(wire.prefix + path)
    assert response.status_code == 405
    assert response["Allow"]


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "http://127.0.0.1", "null", "https://evil.example"]
)
def test_no_origin_opens_anything(origin):
    at = room()
    say(at, "Geheim.", public=False)
    activate(at)
    wire = Wire(origin=origin, referer=origin)
    assert refused(wire.post("/room/TALK9X/close", {}), 401)
    assert refused(wire.post("/auth", {}), 401)
    assert refused(wire.get("/room/TALK9X/transcript/de"), 403)
    assert wire.get("/transcript_list").json() == []


def test_browser_of_an_allowed_origin_may_ask_first(wire, settings):
    settings.CORS_ALLOWED_ORIGINS = ["https://captions.example"]
    asked = {
        "Origin": "https://captions.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,ngrok-skip-browser-warning",
    }
    answer = wire.client.options(wire.prefix + "/login", headers=asked)
    assert answer["Access-Control-Allow-Origin"] == "https://captions.example"
    assert {"content-type", "ngrok-skip-browser-warning"} <= set(
        answer["Access-Control-Allow-Headers"].split(", ")
    )
    other = wire.client.options(wire.prefix + "/login", headers={**asked, "Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in other


class TestRoomList:
    def test_is_the_golden_file(self, wire, settings):
        settings.ENV = settings.ENV.model_copy(
            update={"source_langs": ["en", "de", "fr"], "default_source_lang": "en"}
        )
        now = timezone.now()
        live = room("LIVE01", abstract="What it is about.", track="Hardware", colour="#1a7f37", location="Saal 1",
                    presenters=["Speaker One", "Speaker Two"], language="en")  # fmt: skip
        activate(live, lang="de")
        room(
            "SOON02",
            starts_at=now + timedelta(minutes=29),
            ends_at=now + timedelta(minutes=59),
            language="fr",
        )
        room("TONGUE", starts_at=now + timedelta(minutes=29, seconds=30), ends_at=now + timedelta(hours=2),
             language="tlh", location="Saal 2")  # fmt: skip
        room("DEMO", origin=Room.Origin.MANUAL, starts_at=None, ends_at=None, language="", source_lang="de")
        golden("room_list.json", wire.get("/room_list").json())

    def shown(self, wire):
        return [entry["id"] for entry in wire.get("/room_list").json()["rooms"]]

    def test_lists_what_runs_now_or_soon_by_start_and_what_was_made_by_hand(self, wire):
        now = timezone.now()
        room("LATER", starts_at=now + timedelta(minutes=31), ends_at=now + timedelta(minutes=61))
        room("OVER", starts_at=now - timedelta(hours=2), ends_at=now)
        room("NOW")
        room("EARLIER", starts_at=now - timedelta(minutes=20))
        room("HIDDEN", published=False)
        room("HAND", origin=Room.Origin.MANUAL, starts_at=None, ends_at=None)
        room("DRAFT", origin=Room.Origin.MANUAL, published=False)
        assert self.shown(wire) == ["EARLIER", "NOW", "HAND"]

    def test_active_room_is_listed_though_its_talk_is_over_or_unpublished(self, wire):
        now = timezone.now()
        activate(room("OVER", starts_at=now - timedelta(hours=2), ends_at=now - timedelta(hours=1)))
        activate(room("HIDDEN", published=False))
        assert set(self.shown(wire)) == {"OVER", "HIDDEN"}

    def test_do_not_record_is_listed_nowhere(self, wire):
        quiet = room("QUIET", do_not_record=True)
        room("QUIET2", do_not_record=True, origin=Room.Origin.MANUAL)
        activate(quiet)
        assert self.shown(wire) == []
        assert wire.get("/vote").json() == []

    def test_host_connection_id_is_set_exactly_while_the_room_is_active(self, wire):
        session = activate(room("A"))
        assert wire.get("/room_list").json()["rooms"][0]["host_connection_id"] == session.host_connection_id
        RoomSession.objects.update(grace_until=timezone.now() + timedelta(minutes=5), host_seen_at=None)
        assert wire.get("/room_list").json()["rooms"][0]["host_connection_id"] == session.host_connection_id
        Session.objects.update(state=Session.State.CLOSED)
        assert wire.get("/room_list").json()["rooms"][0]["host_connection_id"] == ""

    def test_source_lang_is_the_last_one_spoken_then_the_talk_s_then_the_default(self, wire, settings):
        settings.ENV = settings.ENV.model_copy(
            update={"source_langs": ["en", "de"], "default_source_lang": "en"}
        )
        room("A", source_lang="de", language="en", location="1")
        room("B", source_lang="", language="de", location="2")
        room("C", source_lang="", language="fr", location="3")
        room("D", source_lang="xx", language="", location="4")
        langs = {entry["id"]: entry["source_lang"] for entry in wire.get("/room_list").json()["rooms"]}
        assert langs == {"A": "de", "B": "de", "C": "en", "D": "en"}

    def test_query_count_does_not_depend_on_the_number_of_rooms(self, wire, django_assert_num_queries):
        self.shown(wire)  # the languages on offer are read once in a few seconds
        for number in range(3):
            activate(room(f"ROOM{number}"))
            if number in (0, 2):
                with django_assert_num_queries(3):
                    assert len(self.shown(wire)) == number + 1


class TestVotes:
    def test_list_is_the_golden_file(self, wire):
        zone = zone_of_afternoon(timezone.now())
        Event.objects.update(time_zone=zone)
        at = datetime.now(ZoneInfo(zone)).replace(hour=12, minute=5, second=0, microsecond=0)
        event = {
            "guid": "0a0a", "code": None, "id": 101, "logo": None, "date": "old", "room": None, "slug": "camp-101",
            "url": None, "title": "old", "subtitle": "", "track": None, "type": "Talk", "language": "en",
            "abstract": None, "description": "Bring tin.", "recording_license": "", "do_not_record": False,
            "persons": [{"name": "Speaker One"}, {"name": "Speaker Two"}], "links": [], "attachments": [],
        }  # fmt: skip
        room("7KX9QF", title="Soldering", presenters=["Speaker One", "Speaker Two"], track="Hardware",
             location="Saal 1", starts_at=at, ends_at=at + timedelta(minutes=90), schedule_event=event)  # fmt: skip
        wire.post("/vote/7KX9QF", {"vote": True})
        (answer,) = wire.get("/vote").json()
        assert answer["date"] == at.isoformat()
        golden("vote.json", [{**answer, "date": "today"}])

    def test_only_today_s_talks_are_listed(self, wire):
        today("TODAY")
        tomorrow = timezone.now() + timedelta(days=1)
        room("TOMORROW", starts_at=tomorrow, ends_at=tomorrow + timedelta(hours=1))
        today("HAND", origin=Room.Origin.MANUAL)
        today("HIDDEN", published=False)
        assert [entry["code"] for entry in wire.get("/vote").json()] == ["TODAY"]

    def test_count_is_a_bare_integer(self, wire):
        today()
        assert wire.post("/vote/TALK9X", {"vote": True}).content == b"1"
        assert wire.get("/vote/TALK9X/add").content == b"2"
        assert wire.get("/vote/TALK9X/remove").content == b"1"
        assert wire.post("/vote/TALK9X", {"vote": False}).content == b"0"
        assert wire.get("/vote").json()[0]["votes"] == 0

    def test_an_address_votes_so_often_a_minute(self, wire, env):
        today()
        env(votes_per_minute=2)
        for expected in (200, 200, 429, 429):
            assert wire.get("/vote/TALK9X/add").status_code == expected
        assert wire.post("/vote/TALK9X", {"vote": False}).status_code == 429
        assert Wire().get("/vote/TALK9X/add").content == b"3"  # from elsewhere

    def test_votes_do_not_fall_below_zero(self, wire):
        today()
        assert refused(wire.get("/vote/TALK9X/remove"), 409)
        assert refused(wire.post("/vote/TALK9X", {"vote": False}), 409)
        assert wire.get("/vote").json()[0]["votes"] == 0

    @pytest.mark.parametrize("code", ["NONE", "%00", "a%0Ab", "..", "x" * 500, "%F0%9F%8E%89"])
    def test_unknown_talk_is_404(self, wire, code):
        assert refused(wire.get(f"/vote/{code}/add"), 404)
        assert refused(wire.post(f"/vote/{code}", {"vote": True}), 404)

    def test_vote_must_be_said(self, wire):
        today()
        for body in ({}, None, {"vote": "yes"}, {"vote": None}):
            assert refused(wire.post("/vote/TALK9X", body), 400)

    def test_query_count_does_not_depend_on_the_number_of_talks(self, wire, django_assert_num_queries):
        for number in range(3):
            today(f"ROOM{number}")
            wire.get(f"/vote/ROOM{number}/add")
            if number in (0, 2):
                with django_assert_num_queries(1):
                    assert len(wire.get("/vote").json()) == number + 1


class TestTranscripts:
    def test_list_is_the_golden_file(self, wire):
        at = room(
            "7KX9QF", title="Löten für alle", presenters=["Speaker One", "Speaker Two"], location="Saal 1"
        )
        say(at, "Eins.", "Zwei.", started_at=datetime(2025, 8, 30, 12, 5, tzinfo=UTC))
        golden("transcript_list.json", wire.get("/transcript_list").json())

    def test_get_and_post_with_any_empty_body_are_the_same(self, wire):
        say(room("A"), "Eins.")
        answers = [
            wire.get("/transcript_list"),
            *(wire.post("/transcript_list", body) for body in (None, {})),
        ]
        assert all([entry["id"] for entry in answer.json()] == ["A"] for answer in answers)

    def test_private_transcript_is_for_its_owner_and_admins(self, wire):
        say(room("A"), "Geheim.", public=False, owner="host")
        say(room("B"), "Auch geheim.", public=False, owner="somebody else")
        listed = {
            caller: {entry["id"] for entry in wire.post("/transcript_list", body).json()}
            for caller, body in {
                "all": {},
                "host": {"key": wire.key(HOST)},
                "admin": {"key": wire.key(ADMIN)},
            }.items()
        }
        assert listed == {"all": set(), "host": {"A"}, "admin": {"A", "B"}}
        path = "/room/B/transcript/de"
        assert refused(wire.get(path), 403)
        assert refused(wire.post(path, {"key": wire.key(HOST)}), 403)
        assert b"Auch geheim." in wire.post(path, {"key": wire.key(ADMIN)}).content

    def test_owner_reads_it_also_after_logging_in_again(self, wire):
        say(room("A"), "Geheim.", public=False, owner="host")
        for _ in range(2):
            assert b"Geheim." in wire.post("/room/A/transcript/de", {"key": wire.key(HOST)}).content

    def test_text_is_plain_utf8(self, wire):
        say(room("A"), "Grüße.")
        answer = wire.get("/room/A/transcript/de")
        assert answer["Content-Type"] == "text/plain; charset=utf-8"
        assert "Grüße." in answer.content.decode()

    def test_worn_out_key_reads_what_everybody_may_and_is_told_so_elsewhere(self, wire):
        say(room("A"), "Offen.")
        say(room("B"), "Geheim.", public=False)
        worn = {"key": "0" * 32}
        assert [entry["id"] for entry in wire.post("/transcript_list", worn).json()] == ["A"]
        assert wire.post("/room/A/transcript/de", worn).status_code == 200
        assert refused(wire.post("/room/B/transcript/de", worn), 401)

    @pytest.mark.parametrize("path", ["NONE/transcript/de", "A/transcript/fr", "A/transcript/%00", "A/transcript/undefined", "%00/transcript/de"])  # fmt: skip
    def test_what_is_not_there_is_404(self, wire, path):
        say(room("A"), "Eins.")
        assert refused(wire.get(f"/room/{path}"), 404)
        assert refused(wire.post(f"/room/{path}", {"key": wire.key(ADMIN)}), 404)

    def test_query_count_does_not_depend_on_the_number_of_rooms(self, wire, django_assert_num_queries):
        for number in range(3):
            say(room(f"ROOM{number}"), "Eins.", "Zwei.")
            if number in (0, 2):
                with django_assert_num_queries(2):
                    assert len(wire.get("/transcript_list").json()) == number + 1


class TestClose:
    def test_admin_closes_an_active_room_by_key_or_password(self, wire):
        for code, credentials in (("A", {"key": wire.key(ADMIN)}), ("B", {"password": ADMIN})):
            at = room(code)
            session = activate(at)
            session.part = say(at, "Eins.")
            session.save(update_fields=["part"])
            assert wire.post(f"/room/{code}/close", credentials).json() == {"status": "ok"}
            assert Session.objects.get(room_session__room=at).state not in Session.OPEN

    def test_who_may_not_is_told_why(self, wire):
        room("A")
        assert refused(wire.post("/room/A/close", {}), 401)
        assert refused(wire.post("/room/A/close", {"password": "wrong"}), 401)
        assert refused(wire.post("/room/A/close", {"key": "0" * 32}), 401)
        assert refused(wire.post("/room/A/close", {"password": HOST}), 403)
        assert refused(wire.post("/room/A/close", {"key": wire.key(HOST)}), 403)

    def test_unknown_room_is_404_and_one_that_is_not_active_409(self, wire):
        room("A")
        assert refused(wire.post("/room/NONE/close", {"password": ADMIN}), 404)
        assert refused(wire.post("/room/A/close", {"password": ADMIN}), 409)


def test_live_room_whose_talk_becomes_do_not_record_is_closed(wire, django_capture_on_commit_callbacks):
    at = room("TALK9X")
    session = activate(at)
    session.part = say(at, "Eins.")
    session.save(update_fields=["part"])
    with django_capture_on_commit_callbacks(execute=True):
        apply_schedule(Schedule([talk("TALK9X", recording="forbidden")]))
    assert Session.objects.get().state not in Session.OPEN
    assert wire.get("/room_list").json()["rooms"] == []
