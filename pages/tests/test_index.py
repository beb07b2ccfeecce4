"""The first page."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from asr.tests.make import join, served
from ops.showcase.rows import zone_of_afternoon
from rooms.models import Event, Hall, Room
from rooms.tests.make import person, room

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(settings):
    settings.SECURE_SSL_REDIRECT = False
    return Client(headers={"Accept": "text/html"})


@pytest.fixture(autouse=True)
def _at_no_midnight(settings):
    """Later today is today where it is afternoon, at any hour of the tests."""
    Event.objects.filter(from_settings=True).update(time_zone=zone_of_afternoon(timezone.now()))


@pytest.fixture
def hall():
    return Hall.objects.create(event=Event.objects.get(from_settings=True), name="Saal 1", slug="saal-1")


def later(code, minutes=30, **changes):
    starts_at = timezone.now() + timedelta(minutes=minutes)
    return room(code, starts_at=starts_at, ends_at=starts_at + timedelta(minutes=45), **changes)


def test_a_live_talk_is_shown_with_all_that_helps_to_choose_it(client, hall):
    room("TALK1", hall=hall, title="Signs & <speech>", presenters=["Ada L.", "Charles B."], track="History")
    served(join("TALK1"))
    html = client.get("/").content.decode()
    for shown in (
        "Saal 1",
        "Signs &amp; &lt;speech&gt;",
        "Ada L., Charles B.",
        "History",
        "Live",
        "English",
        'href="/room/TALK1"',
    ):
        assert shown in html


def test_times_are_those_of_the_event(client):
    Event.objects.filter(from_settings=True).update(time_zone="Asia/Kathmandu")
    talk = room("TALK1")
    local = talk.starts_at.astimezone(ZoneInfo("Asia/Kathmandu"))
    assert f"{local:%H:%M}–" in client.get("/").content.decode()


def test_without_talks_it_says_what_will_happen(client):
    assert "No talks yet" in client.get("/").content.decode()


def test_a_fresh_installation_says_how_rooms_come_about(client, admin_client):
    assert "Sign in as an organiser" in client.get("/").content.decode()
    client.force_login(person("hugo", group="hosts"))
    assert "An admin imports the schedule" in client.get("/").content.decode()
    client.force_login(person("anna", group="admins"))
    assert "createsuperuser" in client.get("/").content.decode()
    assert 'href="/admin/rooms/room/"' in admin_client.get("/").content.decode()


def test_between_the_days_it_says_when_it_goes_on(client):
    room(
        "FAR",
        starts_at=timezone.now() + timedelta(days=3),
        ends_at=timezone.now() + timedelta(days=3, hours=1),
    )
    html = client.get("/").content.decode()
    assert "Nothing is on now" in html
    assert "I need captions" not in html


def test_search_works_without_a_script(client):
    room("CATS", title="All about cats")
    room("DOGS", title="All about dogs", presenters=["Catherine"])
    room("BIRDS", title="All about birds")
    html = client.get("/", {"q": "cat"}).content.decode()
    assert "cats" in html
    assert "dogs" in html
    assert "birds" not in html
    assert "No talk matches" in client.get("/", {"q": "\0 x"}).content.decode()


def test_as_many_queries_for_one_talk_as_for_many(client):
    def queries():
        client.get("/")
        with CaptureQueriesContext(
            connection,
        ) as found:
            client.get("/")
        return len(found)

    later("T1")
    few = queries()
    for number in range(2, 6):
        later(
            f"T{number}",
            hall=Hall.objects.create(
                event=Event.objects.get(from_settings=True), name=f"H{number}", slug=f"h{number}"
            ),
        )
    assert queries() == few


def post_vote(client, code, wanted):
    return client.post(f"/api/vote/{code}", {"wanted": wanted}, content_type="application/json")


def test_one_browser_has_one_wish_however_often_it_says_so(client):
    later("TALK1")
    other = Client()
    assert post_vote(client, "TALK1", True).json() == {"votes": 1, "wanted": True}
    assert post_vote(client, "TALK1", True).json() == {"votes": 1, "wanted": True}
    assert post_vote(other, "TALK1", True).json() == {"votes": 2, "wanted": True}
    assert 'aria-pressed="true"' in client.get("/?part=programme").content.decode()
    assert post_vote(client, "TALK1", False).json() == {"votes": 1, "wanted": False}
    assert post_vote(client, "TALK1", False).json() == {"votes": 1, "wanted": False}


def test_who_wishes_nothing_shares_what_was_read_and_who_does_sees_the_own_wish(client, settings):
    settings.ENV = settings.ENV.model_copy(update={"first_page_shared_s": 60})
    caches["process"].clear()
    later("TALK1")
    client.get("/")
    with CaptureQueriesContext(connection) as asked:
        assert "TALK1" in client.get("/?part=programme").content.decode()
    assert len(asked) == 0
    assert post_vote(client, "TALK1", True).status_code == 200
    assert 'aria-pressed="true"' in client.get("/?part=programme").content.decode()
    assert "TALK1" in client.get("/", headers={"Accept-Language": "de"}).content.decode()
    caches["process"].clear()


def test_a_forged_cookie_is_no_wish(client):
    later("TALK1")
    client.cookies["votes"] = "WyJUQUxLMSJd:1x:AAAA"
    assert post_vote(client, "TALK1", False).json() == {"votes": 0, "wanted": False}


def test_what_cannot_be_voted_on_is_refused_with_a_code(client):
    assert post_vote(client, "NONE", True).json() == {"error": "talk_not_found"}
    refused = client.post("/api/vote/NONE", b"{", content_type="application/json")
    assert (refused.status_code, refused.json()) == (400, {"error": "malformed_body"})
    refused = post_vote(client, "NONE", [])
    assert (refused.status_code, refused.json()) == (400, {"error": "bad_field"})


def test_a_talk_that_may_not_be_recorded_is_nowhere(client):
    room("SECRET", title="Do not look", do_not_record=True)
    assert "Do not look" not in client.get("/").content.decode()
    assert Room.objects.filter(code="SECRET").exists()
