"""Rooms that a captioner opened: a person types, nothing is heard, and no slot is taken."""

from dataclasses import replace

import pytest
from django.utils import timezone

from asr.models import Session, Worker
from asr.rooms.ending import close_room
from asr.rooms.models import RoomSession
from asr.rooms.pen import TypedSentence, release_pen, take_pen, write_typed
from asr.rooms.presence import close_by_hand, renew_captioner
from asr.rooms.services import open_by_hand, restart_room
from asr.sweeps import sweep
from asr.tests.make import TERMS, aged, join, session_of, slots
from rooms.errors import Conflict, Forbidden, NoCapacity, NotFound
from rooms.tests.make import room
from transcripts.models import Part, RoomState, Sentence

pytestmark = pytest.mark.django_db


def opened(code="A", **terms):
    made = room(code)
    open_by_hand(code, replace(TERMS, **terms))
    return made


def session(made):
    return Session.objects.filter(room_session__room=made).latest("pk")


def types(made, text="Good morning.", sentence_id="a" * 36):
    now = timezone.now()
    pen = take_pen(made.pk)
    write_typed(pen, TypedSentence(sentence_id, text, now, now))
    release_pen(pen)


def test_room_without_any_worker_is_captioned_by_a_person_alone():
    assert not Worker.objects.exists()
    made = opened()
    assert RoomState.objects.get(room=made).state == "live"
    types(made)
    for _ in range(2):
        sweep()
    assert (session(made).state, session(made).pid, session(made).deaths) == ("live", None, [])
    close_by_hand(made.pk)
    sweep()
    assert session(made).state == "closed"
    assert RoomState.objects.get(room=made).state == "closed"
    assert Sentence.objects.get().text == "Good morning."
    assert Part.objects.get().ended_at is not None


def test_it_takes_no_slot_and_opening_it_again_changes_nothing():
    slots(1)
    made = opened()
    open_by_hand("A", TERMS)
    assert RoomSession.objects.filter(room=made).count() == 1
    join("B")
    with pytest.raises(NoCapacity):
        join("C")


def test_host_who_comes_is_heard_if_a_slot_is_free_and_the_audience_stays():
    slots(1)
    made = opened()
    types(made)
    other = join("B")
    with pytest.raises(NoCapacity):
        join(made)
    assert session(made).kind == "typed"
    close_room(other.room_id)
    host_lease = join(made)
    assert session_of(host_lease).kind == "room"
    assert {part.broadcast for part in Part.objects.filter(room=made)} == {1}
    sweep()
    assert sorted(Session.objects.filter(room_session__room=made).values_list("kind", "state")) == [
        ("room", "starting"),
        ("typed", "closed"),
    ]
    types(made, "Still me.", "b" * 36)
    with pytest.raises(Conflict, match="not_active"):
        close_by_hand(made.pk)


def test_captioner_who_leaves_has_the_same_grace_as_a_host_and_then_it_closes():
    made = opened(store=False)
    types(made)
    lease = RoomSession.objects.get(room=made)
    aged(lease, host_seen_at=11)
    sweep()
    assert RoomState.objects.get(room=made).state == "grace"
    assert renew_captioner(made.pk)
    assert RoomState.objects.get(room=made).state == "live"
    aged(lease, host_seen_at=11)
    sweep()
    aged(lease, grace_until=1)
    sweep()
    sweep()
    assert session(made).state == "closed"
    aged(lease, closed_at=60)
    sweep()
    assert not Sentence.objects.exists()
    assert not renew_captioner(made.pk)


def test_restart_by_an_operator_keeps_it_what_it_is():
    made = opened()
    restart_room(made.pk, by="admin")
    assert session(made).kind == "typed"
    types(made)


def test_what_may_not_be_captioned_is_not_opened():
    room("A", do_not_record=True)
    with pytest.raises(Forbidden):
        open_by_hand("A", TERMS)
    with pytest.raises(NotFound):
        open_by_hand("NOWHERE", TERMS)
