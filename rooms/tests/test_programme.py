"""What is on now and next."""

from datetime import UTC, datetime, timedelta

import pytest

from rooms.models import Event, Hall, Room
from rooms.programme import programme_of
from rooms.selectors import programme_rooms
from rooms.tests.make import room

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 5, 2, 12, 0, tzinfo=UTC)
AHEAD = timedelta(minutes=30)


@pytest.fixture
def event():
    event = Event.objects.get(from_settings=True)
    Event.objects.filter(pk=event.pk).update(time_zone="Europe/Berlin")
    event.refresh_from_db()
    return event


@pytest.fixture
def hall(event):
    return Hall.objects.create(event=event, name="Hall 2", slug="hall-2")


def at(code, minutes, *, length=45, **changes):
    starts_at = NOON + timedelta(minutes=minutes)
    return room(code, **{"starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=length), **changes})


def programme(*active, now=NOON):
    keys = [talk.pk for talk in active]
    return programme_of(programme_rooms(keys, now=now), keys, now=now, ahead=AHEAD)


def shown(found):
    return [
        (hall.name, [talk.code for talk in hall.on], hall.next.code if hall.next else None)
        for hall in found.halls
    ]


def test_each_hall_shows_what_is_due_and_what_comes_next(hall):
    at("DUE", -10, hall=hall)
    at("SOON", 60, hall=hall)
    at("LATER", 120, hall=hall)
    found = programme()
    assert shown(found) == [("Hall 2", ["DUE"], "SOON")]
    assert [talk.code for talk in found.later] == ["SOON", "LATER"]


def test_who_still_speaks_is_shown_before_who_is_due(hall):
    overrun = at("OVERRUN", -60, hall=hall)
    at("DUE", -1, hall=hall)
    assert shown(programme(overrun)) == [("Hall 2", ["OVERRUN"], None)]


def test_a_sound_check_is_no_talk_that_is_on(hall):
    early = at("EARLY", 90, hall=hall)
    found = programme(early)
    assert shown(found) == [("Hall 2", [], "EARLY")]


def test_a_room_for_no_time_gives_way_to_a_talk(hall):
    room("ALWAYS", hall=hall, origin=Room.Origin.MANUAL, starts_at=None, ends_at=None)
    assert shown(programme()) == [("Hall 2", ["ALWAYS"], None)]
    at("DUE", -1, hall=hall)
    assert shown(programme()) == [("Hall 2", ["DUE"], None)]


def test_halls_are_sorted_as_people_count(event):
    for number in (10, 2, 1):
        hall = Hall.objects.create(event=event, name=f"Hall {number}", slug=f"h{number}")
        at(f"T{number}", -5, hall=hall)
    assert [hall.name for hall in programme().halls] == ["Hall 1", "Hall 2", "Hall 10"]


def test_rooms_without_a_place_stand_alone():
    for code in ("ONE", "TWO"):
        room(code, origin=Room.Origin.MANUAL, starts_at=None, ends_at=None)
    found = programme()
    assert shown(found) == [("", ["ONE"], None), ("", ["TWO"], None)]
    assert len({hall.key for hall in found.halls}) == 2


def test_after_the_last_talk_of_a_day_the_next_day_is_shown(hall):
    at("TOMORROW", 22 * 60, hall=hall)
    at("TOO", 23 * 60, hall=hall)
    at("DAYS_LATER", 72 * 60, hall=hall)
    found = programme()
    assert (found.halls, found.is_today) == ([], False)
    assert [talk.code for talk in found.later] == ["TOMORROW", "TOO"]
    assert found.day is not None
    assert found.day.day == 3


def test_a_day_begins_in_the_events_time_zone(hall):
    at("NIGHT", 11 * 60, hall=hall)  # 23:00 UTC: in Berlin it is tomorrow
    assert not programme().is_today


def test_what_may_not_be_recorded_is_not_shown_nor_what_is_not_published(hall):
    at("SECRET", -5, hall=hall, do_not_record=True)
    at("HIDDEN", 60, hall=hall, published=False)
    assert shown(programme()) == []


def test_rooms_are_read_in_one_query(hall, django_assert_num_queries):
    at("DUE", -10, hall=hall)
    with django_assert_num_queries(1):
        programme()
    at("MORE", 60)
    at("EVEN_MORE", 70, hall=hall)
    with django_assert_num_queries(1):
        programme()
