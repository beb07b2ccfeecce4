"""The lease of a session: one process writes, dead ones are noticed, what nobody finishes is given up."""

import json
from copy import deepcopy
from datetime import timedelta
from threading import Event, Thread

import pytest
from billiard.exceptions import WorkerLostError
from celery.signals import task_failure
from django.conf import settings
from django.db import IntegrityError, OperationalError, connection, connections
from django.utils import timezone
from redis import Redis
from redis.exceptions import ResponseError

import asr.tasks  # noqa: F401  (connects to failures)
from asr.audio_log import AudioLogUnavailable
from asr.leases import (
    MAX_DEATHS,
    Lease,
    LeaseLost,
    Progress,
    announce_ready,
    beat,
    claim,
    finish,
    held,
    release_reserved,
    reserve,
    start_next_generation,
)
from asr.models import Session, Sweep, Worker
from asr.placement import QUEUE
from asr.rooms.ending import close_room
from asr.rooms.models import RoomSession
from asr.rooms.presence import leave_as_host
from asr.rooms.services import restart_session
from asr.sweeps import sweep
from asr.tests.make import TERMS, aged, break_connection, join, room_session_of, served, session_of
from config.database import serve_worker
from rooms.models import Room
from rooms.outages import is_outage
from transcripts.models import Sentence
from transcripts.services import NewSentence, PartTerms, add_sentences

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker():
    """The tests' own Redis, with nothing in the queue and nothing remembered."""
    with Redis.from_url(settings.REDIS_URL) as client:
        yield client


def waiting(broker):
    """Ids of the tasks that wait in the broker."""
    return [json.loads(message)["headers"]["id"] for message in broker.lrange(QUEUE, 0, -1)]


HEARD = Progress(heard_ms=5000, committed_ms=4000, audio_waits=False, delay_s=1.5)


def test_process_takes_the_lease_once():
    host_lease = join("A")
    lease = served(host_lease)
    with pytest.raises(LeaseLost):
        claim(lease, worker="asr@other", pid=1)
    assert session_of(host_lease).state == "live"


def test_next_generation_fences_off_the_one_before():
    host_lease = join("A")
    old = served(host_lease)
    start_next_generation(old)
    for write in (lambda: beat(old, HEARD), lambda: finish(old), lambda: announce_ready(old)):
        with pytest.raises(LeaseLost):
            write()
    session = session_of(host_lease)
    assert (session.generation, session.pid, session.worker, len(session.deaths)) == (2, None, "", 1)
    served(host_lease, pid=4712)


def test_two_who_notice_a_death_start_one_successor():
    host_lease = join("A")
    lease = served(host_lease)
    start_next_generation(lease)
    start_next_generation(lease)
    assert session_of(host_lease).generation == 2


def test_beat_returns_the_state_and_never_takes_progress_back():
    host_lease = join("A")
    lease = served(host_lease)
    assert beat(lease, HEARD) == "live"
    assert beat(lease, Progress(6000, 3000, audio_waits=False, delay_s=0.0)) == "live"
    close_room(host_lease.room_id)
    assert beat(lease, HEARD) == "closing"
    assert session_of(host_lease).committed_ms == 4000


def test_session_that_dies_too_often_fails_and_the_room_closes():
    host_lease = join("A")
    for generation in range(1, MAX_DEATHS + 2):
        claim(Lease(host_lease.session_id, generation), worker="asr@test", pid=generation)
        start_next_generation(Lease(host_lease.session_id, generation))
    session = session_of(host_lease)
    assert session.state == "failed"
    assert room_session_of(host_lease).part.ended_at is not None
    assert join("A").broadcast == host_lease.broadcast + 1


def test_deaths_between_which_there_was_text_do_not_count():
    host_lease = join("A")
    for number in range(1, MAX_DEATHS + 3):
        lease = served(host_lease, pid=number)
        beat(lease, Progress(10_000 * number, 10_000 * number, audio_waits=False, delay_s=0.0))
        start_next_generation(lease)
    assert (session_of(host_lease).state, len(session_of(host_lease).deaths)) == ("live", 1)


def test_deaths_of_long_ago_do_not_count():
    host_lease = join("A")
    long_ago = timezone.now().timestamp() - 301
    Session.objects.update(deaths=[long_ago] * MAX_DEATHS)
    start_next_generation(served(host_lease))
    assert session_of(host_lease).state == "live"
    assert len(session_of(host_lease).deaths) == 1


class TestSweep:
    def test_silent_process_is_declared_dead_when_it_was_silent_twice(self):
        host_lease = join("A")
        served(host_lease)
        aged(host_lease, beat_at=60)
        sweep()
        assert session_of(host_lease).generation == 1
        aged(host_lease, suspect_at=2)
        sweep()
        assert session_of(host_lease).generation == 2

    def test_process_that_fell_silent_during_an_outage_has_time_to_beat_again_and_its_death_does_not_count(
        self,
    ):
        host_lease = join("A")
        served(host_lease)
        sweep()
        aged(host_lease, beat_at=60)
        Sweep.objects.update(at=timezone.now() - timedelta(seconds=50))
        sweep()
        aged(host_lease, suspect_at=2)
        sweep()
        assert session_of(host_lease).generation == 1
        aged(host_lease, suspect_at=7)
        sweep()
        assert (session_of(host_lease).generation, session_of(host_lease).deaths) == (2, [])

    def test_process_that_beat_after_an_outage_dies_as_before(self):
        host_lease = join("A")
        served(host_lease)
        sweep()
        Sweep.objects.update(at=timezone.now() - timedelta(seconds=50))
        sweep()
        Sweep.objects.update(resumed_at=timezone.now() - timedelta(seconds=30))
        aged(host_lease, beat_at=20, suspect_at=2)
        sweep()
        assert (session_of(host_lease).generation, len(session_of(host_lease).deaths)) == (2, 1)

    def test_audio_time_that_stood_still_during_an_outage_is_not_being_stuck(self):
        host_lease = join("A")
        lease = served(host_lease)
        waiting = Progress(5000, 4000, audio_waits=True, delay_s=1.5)
        beat(lease, waiting)
        aged(host_lease, progress_at=60, beat_at=60)
        sweep()
        beat(lease, waiting)
        sweep()
        assert session_of(host_lease).generation == 1

    def test_process_that_beats_again_is_not_suspected_any_more(self):
        host_lease = join("A")
        lease = served(host_lease)
        aged(host_lease, beat_at=60)
        sweep()
        beat(lease, HEARD)
        sweep()
        assert session_of(host_lease).generation == 1

    def test_stuck_process_beats_but_its_audio_waits(self):
        host_lease = join("A")
        lease = served(host_lease)
        beat(lease, HEARD)
        beat(lease, Progress(5000, 4000, audio_waits=True, delay_s=1.5))
        aged(host_lease, progress_at=19)
        sweep()
        assert session_of(host_lease).generation == 1
        aged(host_lease, progress_at=21)
        sweep()
        assert session_of(host_lease).generation == 2

    def test_silence_is_not_being_stuck(self):
        host_lease = join("A")
        beat(served(host_lease), HEARD)
        aged(host_lease, progress_at=600)
        sweep()
        assert session_of(host_lease).generation == 1

    def test_lost_task_is_sent_again_once_and_its_generation_stays(self, broker):
        host_lease = join("A")
        aged(host_lease, queued_at=4)
        sweep()
        assert waiting(broker) == []
        aged(host_lease, queued_at=600)
        sweep()
        sweep()
        session = session_of(host_lease)
        assert waiting(broker) == [session.task_id]
        assert (session.generation, session.deaths) == (1, [])

    def test_task_is_due_once_a_generation_and_only_while_its_session_works(self):
        host_lease = join("A")
        lease = Lease(host_lease.session_id, 1)
        assert reserve(lease, worker="asr@test")
        assert not reserve(lease, worker="asr@other")
        claim(lease, worker="asr@test", pid=1)
        assert not reserve(lease, worker="asr@test")
        start_next_generation(lease)
        assert not reserve(lease, worker="asr@test")
        finish(served(host_lease))
        assert not reserve(Lease(host_lease.session_id, 2), worker="asr@test")

    def test_process_of_another_worker_cannot_claim_what_is_taken(self):
        lease = Lease(join("A").session_id, 1)
        reserve(lease, worker="asr@test")
        with pytest.raises(LeaseLost):
            claim(lease, worker="asr@other", pid=1)

    def test_task_that_a_worker_took_along_when_it_died_gets_a_successor_without_counting_a_death(
        self, broker
    ):
        host_lease = join("A")
        reserve(Lease(host_lease.session_id, 1), worker="asr@test")
        aged(host_lease, queued_at=600, beat_at=25)
        sweep()
        assert session_of(host_lease).generation == 1
        Worker.objects.update(beat_at=timezone.now() - timedelta(seconds=11))
        sweep()
        assert (session_of(host_lease).generation, session_of(host_lease).deaths) == (2, [])
        assert waiting(broker) == []

    def test_task_that_a_live_worker_takes_too_long_over_is_followed_by_the_next_generation_s(self, broker):
        host_lease = join("A")
        first = session_of(host_lease).task_id
        reserve(Lease(host_lease.session_id, 1), worker="asr@test")
        aged(host_lease, queued_at=600, beat_at=31)
        sweep()
        session = session_of(host_lease)
        assert (session.generation, session.deaths, session.worker) == (2, [], "")
        assert not reserve(Lease(host_lease.session_id, 1), worker="asr@test")
        assert reserve(Lease(host_lease.session_id, 2), worker="asr@test")
        assert session.task_id != first

    def test_task_that_a_worker_lost_is_sent_again(self, broker):
        host_lease, other = join("A"), join("B")
        reserve(Lease(host_lease.session_id, 1), worker="asr@test")
        served(other)
        release_reserved("asr@test")
        aged(host_lease, queued_at=6)
        sweep()
        assert waiting(broker) == [session_of(host_lease).task_id]
        assert session_of(other).worker == "asr@test"

    def test_host_is_told_once_a_minute_that_its_room_waits_for_a_process(self, broker, caplog):
        host_lease, other = join("A"), join("B")
        served(other)
        aged(host_lease, queued_at=6)
        aged(other, queued_at=6)
        sweep()
        sweep()
        told = [record.session for record in caplog.records if record.message == "waits for a process"]
        assert told == [host_lease.session_id]

    def test_host_that_comes_back_while_its_room_waits_for_a_process_is_told_as_well(self, broker, caplog):
        host_lease = join("A")
        aged(host_lease, queued_at=6)
        sweep()
        leave_as_host(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
        join("A")
        sweep()
        assert [record.message for record in caplog.records].count("waits for a process") == 2

    def test_host_that_is_not_seen_any_more_has_its_grace_and_then_the_room_closes(self):
        host_lease = join("A")
        served(host_lease)
        aged(host_lease, host_seen_at=11)
        sweep()
        assert room_session_of(host_lease).grace_until > timezone.now() + timedelta(minutes=4)
        sweep()
        assert session_of(host_lease).state == "live"
        aged(host_lease, grace_until=1)
        sweep()
        assert session_of(host_lease).state == "closing"

    def test_room_that_is_not_to_be_recorded_any_more_is_closed_whoever_changed_it(self):
        host_lease, other = join("A"), join("B")
        Room.objects.filter(code="A").update(do_not_record=True)
        sweep()
        assert session_of(host_lease).state == "closed"
        assert session_of(other).state == "starting"

    def test_closing_session_that_no_process_takes_for_ten_minutes_is_given_up(self):
        host_lease = join("A")
        close_room(host_lease.room_id)
        aged(host_lease, progress_at=599)
        sweep()
        assert session_of(host_lease).state == "closing"
        aged(host_lease, progress_at=601)
        sweep()
        session = session_of(host_lease)
        assert session.state == "failed"
        assert room_session_of(host_lease).part.ended_at is not None

    def test_closing_session_that_is_served_is_not_given_up(self):
        host_lease = join("A")
        served(host_lease)
        close_room(host_lease.room_id)
        aged(host_lease, progress_at=601)
        sweep()
        assert session_of(host_lease).state == "closing"

    def test_text_that_was_not_to_be_stored_goes_with_its_broadcast(self):
        unstored = PartTerms("en", store=False, public=True, owner_id=None)
        gone, open_still, kept = join("A", terms=unstored), join("B", terms=unstored), join("C", terms=TERMS)
        for host_lease in (gone, open_still, kept):
            add_sentences(part=room_session_of(host_lease).part, sentences=[NewSentence(0, 900, "Eins.")])
        Session.objects.filter(pk__in=[gone.session_id, kept.session_id]).update(state="closed")
        sweep()
        left = set(Sentence.objects.values_list("part__room__code", flat=True))
        assert left == {"B", "C"}

    def test_session_that_cannot_be_repaired_keeps_no_other_from_it(self):
        Session.objects.create(kind=Session.Kind.ROOM, source_lang="en", state="live", pid=1)  # of no room
        host_lease = join("A")
        served(host_lease)
        aged(host_lease, host_seen_at=11)
        sweep()
        assert room_session_of(host_lease).grace_until is not None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("exception", "deaths"),
    [
        (OperationalError("the connection is lost"), 0),
        (AudioLogUnavailable("Redis is away or full"), 0),
        (ResponseError("MISCONF Errors writing to the AOF file: No space left on device"), 0),
        (IntegrityError("a broken constraint"), 1),
        (WorkerLostError("signal 9"), 1),
    ],
)
def test_death_that_an_outage_caused_does_not_count(exception, deaths):
    host_lease = join("A")
    served(host_lease)
    task_failure.send(
        None,
        task_id=f"session-{host_lease.session_id}-1",
        exception=exception,
        args=(host_lease.session_id, 1),
    )
    session = session_of(host_lease)
    assert (session.generation, len(session.deaths)) == (2, deaths)


@pytest.mark.django_db(transaction=True)
def test_process_that_ended_by_a_broken_connection_is_followed_by_the_next_at_once():
    host_lease = join("A")
    served(host_lease)
    break_connection()
    with pytest.raises(OperationalError) as ended:
        Session.objects.exists()
    task_failure.send(
        None,
        task_id=f"session-{host_lease.session_id}-1",
        exception=ended.value,
        args=(host_lease.session_id, 1),
    )
    session = session_of(host_lease)
    assert (session.generation, session.deaths) == (2, [])


def test_lease_is_taken_again_by_the_process_that_never_got_the_answer():
    host_lease = join("A")
    lease = served(host_lease, pid=4711)
    assert claim(lease, worker="asr@test", pid=4711).pid == 4711


def test_ready_is_not_said_of_a_session_that_closes():
    host_lease = join("A")
    close_room(host_lease.room_id)
    lease = Lease(host_lease.session_id, 1)
    claim(lease, worker="asr@test", pid=1)
    announce_ready(lease)
    assert session_of(host_lease).state == "closing"


def test_writes_of_a_finished_session_are_refused():
    host_lease = join("A")
    lease = served(host_lease)
    finish(lease)
    with pytest.raises(LeaseLost), held(lease):
        pass


def test_host_who_left_during_a_restart_is_in_grace_in_the_new_session():
    host_lease = join("A")
    new = restart_session(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
    leave_as_host(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
    assert RoomSession.objects.get(pk=new).grace_until is not None


@pytest.mark.django_db(transaction=True)
def test_process_that_is_stopped_in_a_transaction_does_not_keep_others_from_its_session(settings):
    host_lease = join("A")
    lease = served(host_lease)
    quick = settings.ENV.model_copy(update={"database_idle_transaction_s": 1.0})
    entered, goes_on, ended_by = Event(), Event(), []

    def stop_in_a_transaction():
        connection.settings_dict = deepcopy(connection.settings_dict)
        serve_worker(connection.settings_dict, quick)
        try:
            with held(lease):
                entered.set()
                goes_on.wait()
                Session.objects.exists()
        except Exception as error:
            ended_by.append(error)
        finally:
            connections.close_all()

    stopped = Thread(target=stop_in_a_transaction)
    stopped.start()
    try:
        assert entered.wait(60)
        assert beat(lease, HEARD) == "live"
    finally:
        goes_on.set()
        stopped.join()
    assert is_outage(ended_by[0])
