"""A worker that is to end: its sessions go to who reads along, or leave at a pause, and nothing of them is lost."""

from datetime import timedelta
from threading import Event, Thread

import numpy as np
import pytest
from django.conf import settings
from django.db import connections
from django.utils import timezone

from asr import runtime
from asr.caption.captioner import Captioner
from asr.draining import ASKED_EVERY, PAUSE_UNWRITTEN_MS, STANDBY_WITHIN, Drain, Moment
from asr.leases import (
    STANDBY_SAID_WITHIN,
    Lease,
    LeaseLost,
    awaited,
    move,
    request_standby,
    reserve,
    stand_by,
    start_next_generation,
    stood_by,
)
from asr.models import Worker
from asr.process import Node, serve
from asr.recognise.scripted import ScriptedRecogniser
from asr.registration import Facts, Registration
from asr.rooms.ending import close_room
from asr.selectors import live_workers, max_active_rooms
from asr.tests.make import aged, beat_for_a_test, break_connection, join, log_of, served, session_of, slots
from transcripts.models import Sentence

WITHIN_S = 60
HERE, THERE = "asr@test", "asr@other"
PAUSE = Moment(closing=False, silent=True, between_sentences=True, unwritten_ms=0)
TALKS = Moment(closing=False, silent=False, between_sentences=False, unwritten_ms=2500)
NEXT_SENTENCE = Moment(closing=False, silent=False, between_sentences=True, unwritten_ms=1500)


def until(holds):
    for _ in range(WITHIN_S * 20):
        if holds():
            return
        Event().wait(0.05)
    raise AssertionError("waited too long")


def worker(name=THERE, *, warm=1, count=1, drains_for_s=None):
    until_at = None if drains_for_s is None else timezone.now() + timedelta(seconds=drains_for_s)
    values = {"slots": count, "model": "base", "device": "cpu", "beat_at": beat_for_a_test(), "warm": warm}
    Worker.objects.update_or_create(name=name, defaults={**values, "drains_until": until_at})


class TestDrain:
    def drain(self, *, has_standby=False):
        self.now = timezone.now()
        return Drain(has_standby=has_standby, clock=lambda: self.now)

    def after(self, drain, moment, seconds):
        self.now += timedelta(seconds=seconds)
        return drain.departure(moment)

    def test_session_of_a_worker_that_stays_stays(self):
        drain = self.drain()
        assert not drain.begun
        assert self.after(drain, PAUSE, 1000) == "stays"

    def test_session_leaves_at_a_pause_where_there_is_a_place(self):
        drain = self.drain()
        drain.tell(self.now + timedelta(seconds=30))
        assert self.after(drain, TALKS, 1) == "stays"
        assert self.after(drain, PAUSE, 1) == "may_move"

    def test_pause_is_one_only_when_everything_heard_is_text(self):
        drain = self.drain()
        drain.tell(self.now + timedelta(seconds=30))
        begins = Moment(
            closing=False, silent=True, between_sentences=True, unwritten_ms=PAUSE_UNWRITTEN_MS + 1
        )
        assert self.after(drain, begins, 1) == "stays"

    def test_who_never_pauses_leaves_between_two_sentences_when_half_of_the_time_is_over(self):
        drain = self.drain()
        drain.tell(self.now + timedelta(seconds=30))
        assert self.after(drain, NEXT_SENTENCE, 15) == "stays"
        assert self.after(drain, TALKS, 1) == "stays"
        assert self.after(drain, NEXT_SENTENCE, 1) == "may_move"

    def test_at_the_end_of_the_time_it_leaves_wherever_it_is(self):
        drain = self.drain()
        drain.tell(self.now + timedelta(seconds=30))
        assert self.after(drain, TALKS, 29.9) == "stays"
        assert self.after(drain, TALKS, 0.1) == "must_move"

    def test_session_that_closes_is_finished_where_it_is_as_long_as_there_is_time(self):
        drain = self.drain()
        drain.tell(self.now + timedelta(seconds=30))
        closing = Moment(closing=True, silent=True, between_sentences=True, unwritten_ms=0)
        assert self.after(drain, closing, 29.9) == "stays"
        assert self.after(drain, closing, 0.1) == "must_move"

    def test_place_is_not_asked_for_at_every_step(self):
        drain = self.drain()
        drain.tell(self.now + timedelta(seconds=30))
        assert self.after(drain, PAUSE, 1) == "may_move"
        assert self.after(drain, PAUSE, 0.1) == "stays"
        assert self.after(drain, PAUSE, ASKED_EVERY.total_seconds()) == "may_move"

    def test_being_told_again_gives_no_more_time(self):
        drain = self.drain()
        end = self.now + timedelta(seconds=30)
        for _ in range(3):
            drain.tell(end)
            self.now += timedelta(seconds=6)
        assert self.after(drain, NEXT_SENTENCE, 0) == "may_move"


class TestDrainWithStandby:
    drain, after = TestDrain.drain, TestDrain.after

    def test_process_that_stands_by_is_asked_for_at_once_and_has_the_session_in_the_middle_of_speech(self):
        drain = self.drain(has_standby=True)
        drain.tell(self.now + timedelta(seconds=30))
        assert self.after(drain, TALKS, 1) == "ask_for_standby"
        assert self.after(drain, TALKS, 1) == "ask_for_standby", "there was no place"
        assert not drain.awaits_standby
        drain.requested()
        assert drain.awaits_standby
        assert self.after(drain, TALKS, 1) == "hand_over"
        assert self.after(drain, PAUSE, 1) == "hand_over"

    def test_sessions_of_a_worker_leave_one_after_the_other(self):
        drain = self.drain(has_standby=True)
        drain.tell(self.now + timedelta(seconds=30), turn=2 / 3)
        assert self.after(drain, TALKS, 9.9) == "stays"
        assert self.after(drain, TALKS, 0.1) == "ask_for_standby"

    def test_pause_is_waited_for_where_nobody_has_caught_up_in_time(self):
        drain = self.drain(has_standby=True)
        drain.tell(self.now + timedelta(seconds=60))
        drain.requested()
        assert self.after(drain, TALKS, STANDBY_WITHIN.total_seconds()) == "stays"
        assert not drain.awaits_standby
        assert self.after(drain, PAUSE, 1) == "may_move"

    def test_at_the_end_of_the_time_it_leaves_all_the_same(self):
        drain = self.drain(has_standby=True)
        drain.tell(self.now + timedelta(seconds=3))
        drain.requested()
        assert self.after(drain, TALKS, 3) == "must_move"


@pytest.mark.django_db
class TestMove:
    def test_session_moves_to_a_worker_with_a_loaded_process_and_nobody_died(self):
        host_lease = join("A")
        lease = served(host_lease)
        worker()
        assert move(lease, at_once=False)
        session = session_of(host_lease)
        assert (session.generation, session.worker, session.pid, session.deaths) == (2, "", None, [])
        assert reserve(Lease(session.pk, 2), worker=THERE)

    def test_two_sessions_do_not_count_on_one_process(self):
        first, other = served(join("A")), join("B")
        second = served(other)
        worker(count=2)
        assert move(first, at_once=False)
        assert not move(second, at_once=False)
        assert session_of(other).generation == 1

    @pytest.mark.parametrize(
        "other",
        [
            {"warm": 0}, {"warm": None}, {"drains_for_s": 30}, {"count": 0},
            {"name": HERE, "count": 9, "drains_for_s": 30},
        ],
        ids=["loads", "counts none", "is to end", "full", "its own"],
    )  # fmt: skip
    def test_session_stays_where_no_other_worker_can_take_it_at_once(self, other):
        host_lease = join("A")
        lease = served(host_lease)
        worker(**other)
        assert not move(lease, at_once=False)
        assert session_of(host_lease).generation == 1

    def test_at_the_end_it_goes_and_waits_for_a_process(self):
        host_lease = join("A")
        assert move(served(host_lease), at_once=True)
        assert (session_of(host_lease).generation, session_of(host_lease).worker) == (2, "")

    def test_who_lost_the_lease_moves_nothing(self):
        host_lease = join("A")
        lease = served(host_lease)
        worker(warm=2, count=2)
        assert move(lease, at_once=False)
        with pytest.raises(LeaseLost):
            move(lease, at_once=True)
        assert session_of(host_lease).generation == 2

    def ending(self, room="A"):
        host_lease = join(room)
        lease = served(host_lease)
        worker(HERE, warm=0, count=9, drains_for_s=30)
        worker()
        return host_lease, lease

    def test_process_that_stands_by_has_the_session_at_once(self):
        host_lease, lease = self.ending()
        following = Lease(lease.session_id, 2)
        assert request_standby(lease)
        assert not request_standby(lease), "its process is taken"
        assert awaited(following) is not None
        assert not stood_by(lease)
        stand_by(following, worker=THERE, pid=99)
        aged(host_lease, standby_at=-3600)  # however slowly the test goes on
        assert stood_by(lease)
        assert move(lease, at_once=False, to_standby=True)
        session = session_of(host_lease)
        assert (session.generation, session.worker, session.pid, session.deaths) == (2, THERE, 99, [])
        assert awaited(following) is None
        assert awaited(Lease(session.pk, 3)) is None, "its worker stays"
        assert (session.standby_worker, session.standby_pid, session.standby_at) == ("", None, None)

    def test_process_that_stood_by_and_has_not_said_so_for_some_time_gets_nothing(self):
        host_lease, lease = self.ending()
        stand_by(Lease(lease.session_id, 2), worker=THERE, pid=99)
        aged(host_lease, standby_at=STANDBY_SAID_WITHIN.total_seconds())
        assert not stood_by(lease)
        assert move(lease, at_once=False, to_standby=True)
        assert session_of(host_lease).pid is None

    def test_nobody_stands_by_for_a_session_whose_worker_stays(self):
        lease = served(join("A"))
        worker()
        assert awaited(Lease(lease.session_id, 2)) is None

    def test_who_says_too_late_that_it_stands_by_is_not_believed(self):
        host_lease, lease = self.ending()
        start_next_generation(lease)
        stand_by(Lease(lease.session_id, 2), worker=THERE, pid=99)
        assert session_of(host_lease).standby_pid is None

    def test_slots_of_a_worker_that_is_to_end_are_no_capacity_but_it_lives(self):
        slots(3)
        worker(count=2, drains_for_s=30)
        assert max_active_rooms() == 3
        assert live_workers() == {HERE, THERE}


@pytest.mark.django_db(transaction=True)
class TestProcess:
    """A process whose worker is told to end in mid-talk, and its successor on another worker."""

    def say(self, host_lease, seconds):
        samples = np.random.default_rng(5).normal(0, 3000, int(seconds * 16_000)).astype("<i2")
        log_of(host_lease).append("pcm", samples.tobytes())

    def serving(self, host_lease, generation, name, make_captioner=runtime.make_captioner):
        def run():
            try:
                serve(
                    Lease(host_lease.session_id, generation), Node(name, 4711),
                    make_captioner=make_captioner, redis_url=settings.REDIS_URL,
                )  # fmt: skip
            finally:
                connections.close_all()

        thread = Thread(target=run)
        thread.start()
        return thread

    def words(self):
        """Without full stops: who says nothing for seconds ends a sentence, and a test on a busy machine may."""
        texts = Sentence.objects.order_by("index").values_list("text", flat=True)
        return " ".join(texts).lower().replace(".", "").split()

    def expected(self, count):
        return [f"s{slot // 4 + 1:04d}w{slot % 4 + 1}" for slot in range(count)]

    def finish(self, host_lease, process, count):
        log_of(host_lease).append("end", b"")
        close_room(host_lease.room_id)
        process.join(WITHIN_S)
        assert self.words() == self.expected(count)
        assert (session_of(host_lease).state, session_of(host_lease).deaths) == ("closed", [])

    def test_session_is_handed_over_in_the_middle_of_a_sentence_and_nothing_is_lost_or_doubled(self):
        host_lease = join("A")
        first = self.serving(host_lease, 1, HERE)
        self.say(host_lease, 5)
        worker()
        worker(HERE, warm=0, drains_for_s=WITHIN_S / 2)  # however late the other is, it moves then
        until(lambda: not Worker.objects.get(name=THERE).warm)  # a process was requested
        second = self.serving(host_lease, 2, THERE)
        first.join(WITHIN_S)
        assert not first.is_alive()
        session = session_of(host_lease)
        assert (session.generation, session.worker) == (2, THERE)
        # what was not final is the next one's, unless its speaker seemed to have stopped
        assert self.words() in (self.expected(8), self.expected(10))
        self.say(host_lease, 3)
        self.finish(host_lease, second, 16)

    def test_process_that_stands_by_takes_over_from_one_that_has_died(self):
        host_lease = join("A")
        lease = served(host_lease)
        self.say(host_lease, 5)
        worker()
        worker(HERE, warm=0, count=9, drains_for_s=600)
        second = self.serving(host_lease, 2, THERE)
        until(lambda: session_of(host_lease).standby_pid)
        assert self.words() == [], "it writes nothing meanwhile"
        start_next_generation(lease)
        until(lambda: session_of(host_lease).worker == THERE)
        self.say(host_lease, 3)
        log_of(host_lease).append("end", b"")
        close_room(host_lease.room_id)
        second.join(WITHIN_S)
        assert self.words() == self.expected(16)

    def test_process_that_stands_by_takes_over_though_its_connection_breaks_at_that_moment(self):
        host_lease = join("A")
        lease = served(host_lease)
        self.say(host_lease, 5)
        worker()
        worker(HERE, warm=0, count=9, drains_for_s=600)
        breaks, waits, goes_on = Event(), Event(), Event()

        class BreakingCaptioner(Captioner):
            def poll(self):
                if breaks.is_set():
                    breaks.clear()
                    waits.set()
                    goes_on.wait(WITHIN_S)
                    break_connection()
                return super().poll()

        def make_captioner(session, source_lang, resume, shared):
            return BreakingCaptioner(ScriptedRecogniser, runtime.engine_options(session, source_lang))

        second = self.serving(host_lease, 2, THERE, make_captioner)
        until(lambda: session_of(host_lease).standby_pid)
        breaks.set()
        assert waits.wait(WITHIN_S)
        aged(host_lease, standby_at=-3600)
        assert move(lease, at_once=False, to_standby=True)
        assert session_of(host_lease).pid == 4711
        goes_on.set()
        self.say(host_lease, 3)
        self.finish(host_lease, second, 16)

    def test_process_that_stands_by_for_a_session_that_closes_ends(self):
        host_lease = join("A")
        served(host_lease)
        worker()
        worker(HERE, warm=0, count=9, drains_for_s=600)
        second = self.serving(host_lease, 2, THERE)
        until(lambda: session_of(host_lease).standby_pid)
        close_room(host_lease.room_id)
        second.join(WITHIN_S)
        assert not second.is_alive()
        assert session_of(host_lease).generation == 1

    def test_session_in_mid_sentence_without_another_worker_stays_until_the_end_of_the_time(self):
        host_lease = join("A")
        worker(HERE, warm=0, drains_for_s=600)
        thread = self.serving(host_lease, 1, HERE)
        self.say(host_lease, 5)
        until(lambda: self.words() in (self.expected(8), self.expected(10)))
        assert session_of(host_lease).generation == 1
        worker(HERE, warm=0, drains_for_s=0)
        thread.join(WITHIN_S)
        assert session_of(host_lease).generation == 2
        self.say(host_lease, 3)
        self.finish(host_lease, self.serving(host_lease, 2, THERE), 16)

    def test_closing_session_is_finished_by_the_worker_that_is_to_end(self):
        host_lease = join("A")
        worker()
        worker(HERE, warm=0, drains_for_s=600)
        self.say(host_lease, 5)
        log_of(host_lease).append("end", b"")
        close_room(host_lease.room_id)
        self.serving(host_lease, 1, HERE).join(WITHIN_S)
        assert self.words() == self.expected(10)
        assert (session_of(host_lease).generation, session_of(host_lease).state) == (1, "closed")


@pytest.mark.django_db(transaction=True)
class TestRegistration:
    def test_worker_says_what_is_warm_then_until_when_it_is_to_be_empty_and_goes(self):
        registration = Registration(Facts(THERE, 2, "base", "cpu"), warm=lambda: 3, drain_s=60)
        registration.start()
        try:
            until(lambda: Worker.objects.filter(name=THERE, warm=3, drains_until=None).exists())
            registration.drain()
            until(lambda: Worker.objects.filter(name=THERE, drains_until__gt=timezone.now()).exists())
            drains_until = Worker.objects.get(name=THERE).drains_until
            registration.drain()
            until(lambda: Worker.objects.get(name=THERE).beat_at > drains_until - timedelta(seconds=58))
            assert Worker.objects.get(name=THERE).drains_until == drains_until, (
                "a second signal gives no more time"
            )
        finally:
            registration.end()
            registration.join(WITHIN_S)
        assert not Worker.objects.filter(name=THERE).exists()

    def test_task_that_no_process_of_an_ending_worker_took_is_another_worker_s(self):
        host_lease = join("A")
        lease = Lease(host_lease.session_id, 1)
        assert reserve(lease, worker=THERE)
        registration = Registration(Facts(THERE, 2, "base", "cpu"), warm=lambda: 0, drain_s=60)
        registration.start()
        try:
            registration.drain()
            until(lambda: session_of(host_lease).worker == "")
            assert reserve(lease, worker=HERE)
        finally:
            registration.end()
            registration.join(WITHIN_S)
