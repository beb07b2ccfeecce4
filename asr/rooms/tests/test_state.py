"""A room's state as viewers see it: a row that follows the room's sessions through every change."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from asr.leases import Lease, Progress, announce_ready, beat, claim, finish, start_next_generation
from asr.models import Session
from asr.rooms.ending import close_room, close_to_viewers, stop_recording
from asr.rooms.models import RoomSession
from asr.rooms.presence import leave_as_host, renew_host_lease
from asr.rooms.selectors import VIEWERS_STAY
from asr.rooms.services import restart_session
from asr.tests.make import TERMS, join, room_session_of, served, session_of
from transcripts.models import RoomState

pytestmark = pytest.mark.django_db


def state_of(host_lease):
    return RoomState.objects.get(pk=host_lease.room_id)


def told(host_lease):
    row = state_of(host_lease)
    return row.state, row.session, row.ready


def test_row_follows_a_room_from_its_host_to_its_end():
    host_lease = join("A")
    assert told(host_lease) == ("waiting", host_lease.session_id, False)
    assert (
        state_of(host_lease).broadcast,
        state_of(host_lease).first_part,
        state_of(host_lease).source_lang,
    ) == (1, 1, "en")
    lease = served(host_lease)
    assert told(host_lease) == ("live", host_lease.session_id, True)
    leave_as_host(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
    assert told(host_lease) == ("grace", host_lease.session_id, True)
    assert state_of(host_lease).grace_until == room_session_of(host_lease).grace_until
    host_lease = join("A")
    assert told(host_lease) == ("live", host_lease.session_id, True)
    close_room(host_lease.room_id)
    assert told(host_lease) == ("closing", None, False)
    assert state_of(host_lease).leave_at == session_of(host_lease).closing_at + VIEWERS_STAY
    finish(lease)
    assert told(host_lease) == ("closed", None, False)
    assert state_of(host_lease).leave_at is None


def test_since_is_when_the_state_began_not_when_the_row_changed():
    host_lease = join("A")
    began = state_of(host_lease).since
    restart_session(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
    assert (state_of(host_lease).part, state_of(host_lease).since) == (2, began)
    close_room(host_lease.room_id)
    assert state_of(host_lease).since > began


def test_host_that_renews_its_host_lease_in_the_grace_period_has_a_live_room_again():
    host_lease = join("A")
    served(host_lease)
    RoomSession.objects.update(grace_until=timezone.now() + timedelta(minutes=5))
    RoomState.objects.update(state="grace", grace_until=timezone.now() + timedelta(minutes=5))
    renew_host_lease(host_lease)
    assert told(host_lease) == ("live", host_lease.session_id, True)


def test_another_language_is_another_part_of_the_same_broadcast():
    host_lease = join("A")
    old = served(host_lease)
    again = join("A", terms=replace(TERMS, source_lang="de"), connection_id=host_lease.connection_id)
    assert told(again) == ("waiting", again.session_id, False)
    row = state_of(again)
    assert (row.broadcast, row.first_part, row.part, row.source_lang) == (1, 1, 2, "de")
    finish(old)  # the older part is finished behind it
    assert told(again) == ("waiting", again.session_id, False)


def test_next_broadcast_counts_from_its_own_first_part():
    host_lease = join("A")
    close_room(host_lease.room_id)
    finish(served_while_closing(host_lease))
    again = join("A")
    assert (state_of(again).broadcast, state_of(again).first_part) == (2, 2)


def test_room_whose_viewers_went_is_closed_though_its_text_is_still_written():
    host_lease = join("A")
    close_room(host_lease.room_id)
    Session.objects.update(closing_at=timezone.now() - VIEWERS_STAY)
    close_to_viewers(host_lease.room_id)
    assert told(host_lease) == ("closed", None, False)


def test_room_that_must_not_be_recorded_and_one_whose_process_keeps_dying_are_closed():
    forbidden, failing = join("A"), join("B")
    stop_recording(forbidden.room_id)
    for _ in range(6):
        start_next_generation(Lease(failing.session_id, session_of(failing).generation))
    assert told(forbidden) == told(failing) == ("closed", None, False)


def test_delay_is_what_the_process_said_with_its_last_beat_and_a_successor_begins_without():
    host_lease = join("A")
    beat(served(host_lease), Progress(heard_ms=0, committed_ms=0, audio_waits=False, delay_s=2.5))
    assert state_of(host_lease).delay_s == 2.5
    assert state_of(host_lease).delay_at is not None
    restart_session(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
    assert (state_of(host_lease).delay_s, state_of(host_lease).delay_at) == (0.0, None)


@pytest.mark.django_db(transaction=True)
def test_two_sessions_of_a_room_that_change_at_once_leave_the_state_of_both():
    for _ in range(10):
        host_lease = join("A")
        old = served(host_lease)
        new_id = restart_session(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
        new = Lease(new_id, 1)
        claim(new, worker="asr@test", pid=4712)
        with ThreadPoolExecutor(2) as threads:
            done = [threads.submit(in_thread, finish, old), threads.submit(in_thread, announce_ready, new)]
            for future in done:
                future.result()
        assert told(host_lease) == ("live", new_id, True)
        close_room(host_lease.room_id)
        with ThreadPoolExecutor(2) as threads:
            done = [
                threads.submit(in_thread, finish, new),
                threads.submit(in_thread, close_to_viewers, host_lease.room_id),
            ]
            for future in done:
                future.result()
        assert told(host_lease) == ("closed", None, False)


def served_while_closing(host_lease):
    lease = Lease(host_lease.session_id, session_of(host_lease).generation)
    claim(lease, worker="asr@test", pid=4711)
    return lease


def in_thread(call, argument):
    try:
        call(argument)
    finally:
        connection.close()
