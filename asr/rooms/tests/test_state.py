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
from asr.rooms.presence import keep_seat, leave_as_host
from asr.rooms.selectors import VIEWERS_STAY
from asr.rooms.services import restart_session
from asr.tests.make import TERMS, join, room_session_of, served, session_of
from transcripts.models import RoomState

pytestmark = pytest.mark.django_db


def state_of(seat):
    return RoomState.objects.get(pk=seat.room_id)


def told(seat):
    row = state_of(seat)
    return row.state, row.session, row.hears


def test_row_follows_a_room_from_its_host_to_its_end():
    seat = join("A")
    assert told(seat) == ("waiting", seat.session_id, False)
    assert (state_of(seat).opening, state_of(seat).first_part, state_of(seat).source_lang) == (1, 1, "en")
    lease = served(seat)
    assert told(seat) == ("live", seat.session_id, True)
    leave_as_host(room_id=seat.room_id, connection_id=seat.connection_id)
    assert told(seat) == ("grace", seat.session_id, True)
    assert state_of(seat).grace_until == room_session_of(seat).grace_until
    seat = join("A")
    assert told(seat) == ("live", seat.session_id, True)
    close_room(seat.room_id)
    assert told(seat) == ("closing", None, False)
    assert state_of(seat).leave_at == session_of(seat).closing_at + VIEWERS_STAY
    finish(lease)
    assert told(seat) == ("closed", None, False)
    assert state_of(seat).leave_at is None


def test_since_is_when_the_state_began_not_when_the_row_changed():
    seat = join("A")
    began = state_of(seat).since
    restart_session(room_id=seat.room_id, connection_id=seat.connection_id)
    assert (state_of(seat).part, state_of(seat).since) == (2, began)
    close_room(seat.room_id)
    assert state_of(seat).since > began


def test_host_that_renews_its_seat_in_the_grace_period_has_a_live_room_again():
    seat = join("A")
    served(seat)
    RoomSession.objects.update(grace_until=timezone.now() + timedelta(minutes=5))
    RoomState.objects.update(state="grace", grace_until=timezone.now() + timedelta(minutes=5))
    keep_seat(seat)
    assert told(seat) == ("live", seat.session_id, True)


def test_another_language_is_another_part_of_the_same_opening():
    seat = join("A")
    old = served(seat)
    again = join("A", terms=replace(TERMS, source_lang="de"), connection_id=seat.connection_id)
    assert told(again) == ("waiting", again.session_id, False)
    row = state_of(again)
    assert (row.opening, row.first_part, row.part, row.source_lang) == (1, 1, 2, "de")
    finish(old)  # the older part is finished behind it
    assert told(again) == ("waiting", again.session_id, False)


def test_next_opening_counts_from_its_own_first_part():
    seat = join("A")
    close_room(seat.room_id)
    finish(served_while_closing(seat))
    again = join("A")
    assert (state_of(again).opening, state_of(again).first_part) == (2, 2)


def test_room_whose_viewers_went_is_closed_though_its_text_is_still_written():
    seat = join("A")
    close_room(seat.room_id)
    Session.objects.update(closing_at=timezone.now() - VIEWERS_STAY)
    close_to_viewers(seat.room_id)
    assert told(seat) == ("closed", None, False)


def test_room_that_must_not_be_recorded_and_one_whose_process_keeps_dying_are_closed():
    forbidden, failing = join("A"), join("B")
    stop_recording(forbidden.room_id)
    for _ in range(6):
        start_next_generation(Lease(failing.session_id, session_of(failing).generation))
    assert told(forbidden) == told(failing) == ("closed", None, False)


def test_delay_is_what_the_process_said_with_its_last_beat_and_a_successor_begins_without():
    seat = join("A")
    beat(served(seat), Progress(heard_ms=0, committed_ms=0, audio_waits=False, delay_s=2.5))
    assert state_of(seat).delay_s == 2.5
    assert state_of(seat).delay_at is not None
    restart_session(room_id=seat.room_id, connection_id=seat.connection_id)
    assert (state_of(seat).delay_s, state_of(seat).delay_at) == (0.0, None)


@pytest.mark.django_db(transaction=True)
def test_two_sessions_of_a_room_that_change_at_once_leave_the_state_of_both():
    for _ in range(10):
        seat = join("A")
        old = served(seat)
        new_id = restart_session(room_id=seat.room_id, connection_id=seat.connection_id)
        new = Lease(new_id, 1)
        claim(new, worker="asr@test", pid=4712)
        with ThreadPoolExecutor(2) as threads:
            done = [threads.submit(in_thread, finish, old), threads.submit(in_thread, announce_ready, new)]
            for future in done:
                future.result()
        assert told(seat) == ("live", new_id, True)
        close_room(seat.room_id)
        with ThreadPoolExecutor(2) as threads:
            done = [
                threads.submit(in_thread, finish, new),
                threads.submit(in_thread, close_to_viewers, seat.room_id),
            ]
            for future in done:
                future.result()
        assert told(seat) == ("closed", None, False)


def served_while_closing(seat):
    lease = Lease(seat.session_id, session_of(seat).generation)
    claim(lease, worker="asr@test", pid=4711)
    return lease


def in_thread(call, argument):
    try:
        call(argument)
    finally:
        connection.close()
