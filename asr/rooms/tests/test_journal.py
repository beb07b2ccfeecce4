"""An operator reads in the log what happened to a room, by its code, and nothing of what was said or by whom."""

import logging
from datetime import timedelta

import pytest
from django.utils import timezone

from asr.rooms.ending import close_room, stop_recording
from asr.rooms.models import RoomSession
from asr.rooms.presence import leave_as_host
from asr.sessions import finish_session
from asr.sweeps import sweep
from asr.tests.make import KEY, join, session_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def story(caplog, django_capture_on_commit_callbacks):
    """Run something, and read what it logged."""

    def read(happening):
        caplog.clear()
        with caplog.at_level(logging.INFO), django_capture_on_commit_callbacks(execute=True):
            happening()
        ours = [record for record in caplog.records if record.name == "asr.rooms"]
        assert all(record.room == "A" for record in ours)
        assert KEY not in str([vars(record) for record in ours])
        return [(record.message, getattr(record, "by", None)) for record in ours]

    return read


def test_the_story_of_a_room(story):
    host_leases = []
    assert story(lambda: host_leases.append(join("A"))) == [("room opened", None), ("host joined", None)]
    host_lease = host_leases[0]
    assert story(
        lambda: leave_as_host(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
    ) == [("host left", None)]
    assert story(lambda: join("A")) == [("host joined", None)]
    assert story(lambda: close_room(host_lease.room_id, by="user 7")) == [("room closing", "user 7")]
    assert story(lambda: finish_session(session_of(host_lease))) == [("room closed", None)]


def test_the_end_of_grace_and_a_speaker_s_no_are_told_apart(story):
    host_lease = join("A")
    leave_as_host(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
    RoomSession.objects.update(grace_until=timezone.now() - timedelta(seconds=1))
    assert ("room closing", "end of grace") in story(sweep)
    finish_session(session_of(host_lease))
    again = join("A")
    assert story(lambda: stop_recording(again.room_id)) == [
        ("recording stopped: do not record", None),
        ("room closed", None),
    ]
