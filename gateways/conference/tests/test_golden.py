"""The conference wire byte for byte: every route's answers and refusals, headers included, and every close reason."""

import json
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from gateways.conference import host_lease, refusals
from gateways.conference.api import MAX_BODY_BYTES
from gateways.conference.tests.exchanges import Notes
from gateways.conference.tests.test_http import ADMIN, HOST, activate, say, today
from rooms.errors import DomainError
from rooms.models import Event, Room
from rooms.tests.make import room
from transcripts.services import PartTerms

pytestmark = pytest.mark.django_db
GOLDEN = Path(__file__).parent / "golden"
ROUTES = [
    "/login", "/auth", "/validate", "/room_list", "/vote", "/vote/TALK9X", "/vote/TALK9X/add",
    "/vote/TALK9X/remove", "/transcript_list", "/room/TALK9X/transcript/de", "/room/TALK9X/close",
]  # fmt: skip
POSTS = [path for path in ROUTES if path not in ("/room_list", "/vote") and path[-3:] not in ("add", "ove")]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]
NOWHERE = [
    "/nothing", "/login/", "/Login", "/vote/", "/vote//add", "/vote/TALK9X/", "/vote/TALK9X/more", "/room", "/room/TALK9X/transcript/", "/room//transcript/de", "/room/TALK9X/transcript/de/x",
    "/openapi.json", "/docs",
]  # fmt: skip
BAD_BODIES = [
    b"", b" \r\n", b"{}", b"{", b"null", b"[]", b"7", b'"x"', b"\xff\xfe", b"\x00", b"\xef\xbb\xbf{}", b"key=x", b"[" * 5000,
    b'{"key": 7}', b'{"key": null}', b'{"key": [], "password": {}}', b'{"password": 7}', b'{"password": null}',
    b'{"password": "' + b"x" * 1025 + b'"}', b'{"password": "x", "role": "root"}', b'{"password": "\\ud800"}',
    b'{"vote": "true"}', b'{"vote": 1}', b'{"vote": null}', b'{"key": NaN}', b'{"key": "a", "key": 1}', b"{'key': 'x'}",
    b" " * (MAX_BODY_BYTES + 1),
]  # fmt: skip
CREDENTIALS = [
    {"key": ""}, {"key": "0" * 32}, {"key": "host"}, {"key": "admin"}, {"password": "wrong"}, {"password": HOST},
    {"password": ADMIN}, {"password": HOST, "role": "admin"}, {"password": ADMIN, "role": "admin"},
    {"key": "0" * 32, "password": ADMIN}, {"key": "admin", "unknown": [1]},
]  # fmt: skip


@pytest.fixture(params=["", "/backend"], ids=["root", "backend"])
def notes(request, settings):
    settings.SECURE_SSL_REDIRECT = False
    settings.ENV = settings.ENV.model_copy(update={"login_failures_per_minute": 10_000})
    return Notes(request.param)


def same_as_golden(name, text, tmp_path):
    """The text is the golden file; else the present one lies beside the test's other files, for a look."""
    found = tmp_path / name
    found.write_text(text, "utf-8")
    assert text == (GOLDEN / name).read_text("utf-8"), found
    return True


def test_every_method_of_every_route(notes, tmp_path):
    today(location="Saal 1")
    for path in ROUTES:
        for method in METHODS:
            if (method, path) != ("GET", "/vote"):  # its golden file is another: it tells today's date
                notes.ask(method, path)
    assert same_as_golden("methods.txt", notes.text(), tmp_path)


def test_paths_that_lead_nowhere(notes, tmp_path):
    for path in NOWHERE:
        notes.ask("GET", path)
        notes.ask("POST", path, {})
    for code in ("NONE", "%00", "a%0Ab", "..", "x" * 300, "%F0%9F%8E%89", "a%2Fb"):
        notes.ask("GET", f"/vote/{code}/add")
        notes.ask("POST", f"/vote/{code}", {"vote": True})
        notes.ask("GET", f"/room/{code}/transcript/de")
        notes.ask("GET", f"/room/TALK9X/transcript/{code}")
        notes.ask("POST", f"/room/{code}/close", {"password": ADMIN})
    assert same_as_golden("nowhere.txt", notes.text(), tmp_path)


def test_bodies_that_cannot_be_used(notes, tmp_path):
    today()
    for path in POSTS:
        for body in BAD_BODIES:
            notes.ask("POST", path, body)
        for content_type in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "",
            "x/y; charset=latin-1",
        ):
            notes.ask("POST", path, b'{"vote": true}', content_type)
    for body in BAD_BODIES:
        notes.ask("GET", "/transcript_list", body)
        notes.ask("GET", "/room_list", body)
    assert same_as_golden("bodies.txt", notes.text(), tmp_path)


def test_credentials_of_every_kind(notes, tmp_path):
    say(room("OPEN", starts_at=None, ends_at=None), "Offen.", started_at=None)
    say(room("SECRET"), "Geheim.", public=False, owner="host")
    say(room("OTHERS"), "Auch geheim.", public=False, owner="somebody else")
    room("QUIET", origin=Room.Origin.MANUAL, starts_at=None, ends_at=None)
    activate(Room.objects.get(code="SECRET"))
    for credentials in CREDENTIALS:
        for path in ("/login", "/auth", "/validate"):
            notes.ask("POST", path, credentials)
        for code in ("OPEN", "SECRET", "OTHERS"):
            notes.ask("POST", f"/room/{code}/transcript/de", credentials)
        for code in ("QUIET", "NONE"):
            notes.ask("POST", f"/room/{code}/close", credentials)
    assert same_as_golden("credentials.txt", notes.text(), tmp_path)


def test_votes_lists_and_a_room_that_is_closed(notes, settings, tmp_path):
    at = today(location="Saal 1")
    session = activate(room("LIVE", origin=Room.Origin.MANUAL, starts_at=None, ends_at=None))
    session.part = say(session.room, "Eins.")
    session.save()
    Room.objects.filter(pk=at.pk).update(origin=Room.Origin.SCHEDULE)
    for path in ("/vote/TALK9X/add", "/vote/TALK9X/remove", "/vote/TALK9X/remove", "/vote/TALK9X/add?more=1"):
        notes.ask("GET", path)
    for vote in (True, False, False):
        notes.ask("POST", "/vote/TALK9X", {"vote": vote, "unknown": None})
    Room.objects.filter(pk=at.pk).update(published=False)
    notes.ask("GET", "/vote")
    notes.ask("GET", "/room_list?x=y")
    settings.CORS_ALLOWED_ORIGINS = ["https://captions.example"]
    notes.ask("GET", "/room_list", Origin="https://captions.example")
    notes.ask("GET", "/room_list", Origin="https://evil.example")
    for origin in ("https://captions.example", "https://evil.example"):
        notes.ask("OPTIONS", "/login", Origin=origin)
        notes.ask("OPTIONS", "/login", Origin=origin, Access_Control_Request_Method="POST")
    notes.ask("POST", "/room/LIVE/close", {"password": ADMIN})
    notes.ask("POST", "/room/LIVE/close", {"password": ADMIN})
    assert same_as_golden("votes_and_lists.txt", notes.text(), tmp_path)


def test_guesses_that_are_told_to_wait(notes, settings, tmp_path):
    settings.ENV = settings.ENV.model_copy(update={"login_failures_per_minute": 0})
    for path in ("/login", "/auth", "/room/TALK9X/close"):
        notes.ask("POST", path, {"password": "wrong"})
    assert same_as_golden("waits.txt", notes.text(), tmp_path)


@pytest.mark.django_db(transaction=True)
def test_without_postgresql(settings, tmp_path):
    settings.SECURE_SSL_REDIRECT = False
    notes = Notes()
    host = connection.settings_dict["HOST"]
    connection.close()
    connection.settings_dict["HOST"] = str(tmp_path)
    try:
        for credentials in ({"key": "host"}, {"key": "0" * 32}):
            for path in (
                "/auth",
                "/validate",
                "/transcript_list",
                "/room/TALK9X/transcript/de",
                "/room/TALK9X/close",
            ):
                notes.ask("POST", path, credentials)
        for path in ("/room_list", "/vote", "/vote/TALK9X/add"):
            notes.ask("GET", path)
        notes.ask("POST", "/login", {"password": HOST})
        notes.ask("POST", "/login", {"password": "wrong"})
    finally:
        connection.close()
        connection.settings_dict["HOST"] = host
    assert same_as_golden("without_postgresql.txt", notes.text(), tmp_path)


def test_an_error_of_ours_is_a_500_that_tells_nothing(settings):
    settings.SECURE_SSL_REDIRECT = False
    today()
    Event.objects.update(time_zone="No/Where")
    answer = Client(raise_request_exception=False).get("/vote")
    assert answer.status_code == 500
    assert b"No/Where" not in answer.content


def refused_host(code):
    """What a host who is refused reads, and what the log calls it."""
    request = host_lease.services.HostRequest(code, PartTerms("en", store=True, public=True, owner_id=None))
    with pytest.raises(DomainError) as refused:
        host_lease.services.join_as_host(request)
    return parts(refusals.of_error(refused.value))


def parts(refusal):
    return [refusal.code, refusal.reason, refusal.name]


def test_every_reason_for_which_a_socket_is_closed(tmp_path):
    room("QUIET", do_not_record=True)
    room("HIDDEN", published=False)
    room("FULL")
    busy = activate(room("BUSY"))
    busy.part = say(busy.room, "Eins.")
    busy.host_seen_at = timezone.now()
    busy.save()
    found = {
        name.lower(): parts(value)
        for name, value in sorted(vars(refusals).items())
        if isinstance(value, refusals.Refusal)
    }
    for lang in ("xx", "", "🎉" * 50):
        for refusal in (refusals.unsupported_source(lang), refusals.unsupported_target(lang)):
            found[f"{refusal.name} {lang}"] = parts(refusal)
    for code in ("QUIET", "HIDDEN", "FULL", "BUSY", "NONE", "", "a\nb", "🎉<>%s{}", "x" * 300):
        found[f"host of {code}"] = refused_host(code)
    for code in ("not_ready", "too_many_attempts", "not_host", "never heard of"):
        found[code] = parts(refusals.of_error(DomainError(code)))
    text = "".join(f"{name!a}: {json.dumps(closed, ensure_ascii=False)}\n" for name, closed in found.items())
    assert same_as_golden("close_reasons.txt", text, tmp_path)
