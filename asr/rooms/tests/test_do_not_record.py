"""Do not record: whichever way somebody would open a room, and in whatever state a running one is."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from asr.models import Session
from asr.rooms.ending import close_room
from asr.rooms.models import RoomSession
from asr.rooms.operating import open_to_hosts, operator_of, restart
from asr.rooms.pen import TypedSentence, take_pen, write_typed
from asr.rooms.presence import leave_as_host
from asr.rooms.services import HostRequest, join_as_host, open_by_hand, restart_session
from asr.sweeps import sweep
from asr.tests.make import KEY, TERMS, join, room_session_of, served, slots
from rooms.errors import DomainError
from rooms.models import Room
from rooms.people import OPERATORS
from rooms.schedule import Schedule
from rooms.services import apply_schedule
from rooms.tests.make import person, room, talk
from transcripts.models import Part, Sentence
from transcripts.selectors import readable_parts
from transcripts.services import NewSentence, add_sentences

pytestmark = pytest.mark.django_db(transaction=True)


def operator():
    return operator_of(person("otto", group=OPERATORS))


WAYS = {
    "a host": lambda: join_as_host(HostRequest("A", TERMS, "", KEY)),
    "an admin as host": lambda: join_as_host(
        HostRequest("A", replace(TERMS, owner_id=person("organiser", group="admins").pk), "", KEY)
    ),
    "a captioner": lambda: open_by_hand("A", TERMS),
    "an operator": lambda: open_to_hosts(Room.objects.get(), operator()),
    "an operator's restart": lambda: restart(Room.objects.get(), operator()),
}


@pytest.mark.parametrize("origin", Room.Origin.values)
@pytest.mark.parametrize("way", WAYS)
def test_nobody_opens_it_whoever_they_are_and_whoever_made_the_room(way, origin):
    slots(9)
    room("A", do_not_record=True, origin=origin)
    with pytest.raises(DomainError):
        WAYS[way]()
    assert not Session.objects.exists()
    assert not Part.objects.exists()


def _live():
    host_lease = join("A")
    served(host_lease)
    return host_lease


def _in_grace():
    host_lease = _live()
    leave_as_host(room_id=host_lease.room_id, connection_id=host_lease.connection_id)


def _restarted():
    host_lease = _live()
    restart_session(room_id=host_lease.room_id, connection_id=host_lease.connection_id)


def _closing():
    close_room(_live().room_id)


def _typed():
    room("A")
    open_by_hand("A", TERMS)
    now = timezone.now()
    write_typed(take_pen(Room.objects.get().pk), TypedSentence("a" * 36, "Typed.", now, now))


def _waiting():
    join("A")  # no process has taken it yet


STATES = {"live": _live, "in grace": _in_grace, "restarted": _restarted, "closing": _closing, "typed": _typed, "waiting": _waiting}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("how", ["the schedule says so", "the schedule is broken", "the hint is lost"])
def test_a_running_room_stops_in_whatever_state_it_is(state, how):
    STATES[state]()
    Room.objects.update(event=room("B").event)
    if how == "the schedule says so":
        apply_schedule(Schedule([talk("A", recording="forbidden"), talk("B")]))
    elif how == "the schedule is broken":
        apply_schedule(Schedule([talk("B")], unreadable=("A",)))
    else:
        Room.objects.filter(code="A").update(do_not_record=True)
        sweep()
    assert Room.objects.get(code="A").do_not_record
    assert set(Session.objects.values_list("state", flat=True)) == {"closed"}
    assert not RoomSession.objects.filter(is_open=True).exists()
    with pytest.raises(DomainError):
        WAYS["a host"]()


def test_what_waits_and_what_was_not_to_be_stored_goes_and_nobody_reads_the_rest():
    host_lease = join("A", terms=replace(TERMS, store=False))
    part = room_session_of(host_lease).part
    add_sentences(part=part, sentences=[NewSentence(0, 900, "Between us.")])
    Room.objects.update(do_not_record=True)
    sweep()
    assert not Sentence.objects.exists()
    assert not readable_parts(None).exists()


def test_a_room_made_by_hand_stops_when_the_schedule_says_no_to_its_talk():
    host_lease = join(room("A", origin=Room.Origin.MANUAL, starts_at=timezone.now() - timedelta(hours=1)))
    apply_schedule(Schedule([talk("A", recording="forbidden")]))
    assert Session.objects.get(pk=host_lease.session_id).state == "closed"
