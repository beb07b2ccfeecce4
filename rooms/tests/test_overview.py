"""What is on in every hall, for who looks after all of them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from rooms.halls import halls_named
from rooms.models import Room
from rooms.overview import halls_now
from rooms.seed import settings_event
from rooms.tests.make import room

pytestmark = pytest.mark.django_db


@pytest.fixture
def hall():
    return halls_named(settings_event(), ["Saal 1"])["Saal 1"]


def later(minutes):
    return {
        "starts_at": timezone.now() + timedelta(minutes=minutes),
        "ends_at": timezone.now() + timedelta(minutes=minutes + 30),
    }


def codes(found):
    return [
        (shown.hall and shown.hall.name, [room.code for room in shown.rooms], shown.next and shown.next.code)
        for shown in found
    ]


def test_a_hall_shows_its_talk_and_the_next_even_where_none_may_be_recorded(hall):
    room("NOW", hall=hall, do_not_record=True)
    room("NEXT", hall=hall, do_not_record=True, **later(60))
    room("LATER", hall=hall, **later(120))
    assert codes(halls_now([])) == [("Saal 1", ["NOW"], "NEXT")]


def test_a_talk_that_runs_over_stands_before_the_one_that_is_due(hall):
    over = room("OVER", hall=hall, **later(-60))
    room("DUE", hall=hall)
    assert codes(halls_now([over.pk])) == [("Saal 1", ["OVER", "DUE"], None)]


def test_a_room_for_no_time_is_shown_where_nothing_else_is_on(hall):
    timeless = {"origin": Room.Origin.MANUAL, "starts_at": None, "ends_at": None}
    room("HAND", hall=hall, **timeless)
    room("DEMO", **timeless)
    assert codes(halls_now([])) == [("Saal 1", ["HAND"], None), (None, ["DEMO"], None)]
    room("DUE", hall=hall)
    assert codes(halls_now([]))[0] == ("Saal 1", ["DUE"], None)


def test_an_empty_hall_is_shown_too(hall):
    assert codes(halls_now([])) == [("Saal 1", [], None)]


def test_query_count_does_not_depend_on_the_number_of_halls():
    counts = []
    for number in range(3):
        place = halls_named(settings_event(), [f"Saal {number}"])[f"Saal {number}"]
        room(f"NOW{number}", hall=place)
        room(f"NEXT{number}", hall=place, **later(60))
        with CaptureQueriesContext(connection) as counted:
            found = halls_now([])
            assert [str(shown.hall.event) for shown in found if shown.next and shown.next.event]
        counts.append(len(counted))
    assert counts == [3, 3, 3]
