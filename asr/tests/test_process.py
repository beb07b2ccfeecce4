"""One process serving one session, in this process: real rows, real Redis, the scripted recogniser."""

import tempfile
import time
from dataclasses import fields, replace
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from django.conf import settings
from django.db import connection, connections

from asr import runtime
from asr.audio_log import AudioLog
from asr.caption.captioner import Captioner, PartialText, SentenceReady
from asr.delay import SpokenClock
from asr.heart import Heart
from asr.leases import Lease, LeaseLost, Progress, start_next_generation
from asr.models import Session
from asr.process import (
    LOG_ENDS_WITHIN_S,
    READ_COUNT,
    STALL_S,
    UNDECODABLE_AFTER_S,
    LogEnd,
    Node,
    StallWatch,
    UndecodableWatch,
    serve,
)
from asr.recognise.counters import Counters
from asr.recognise.scripted import ScriptedRecogniser
from asr.rooms.ending import close_room
from asr.rooms.services import restart_session
from asr.sinks.transcript import TranscriptSink
from asr.sweeps import sweep
from asr.tests.make import TERMS, join, room_session_of, served, session_of
from asr.tests.real_redis import RealRedis
from transcripts.models import Sentence, Track
from transcripts.removal import remove_sentence

WITHIN_S = 60
NODE = Node("asr@test", 4711)


class Clock:
    """A clock that a test sets."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def noise(seconds):
    return np.random.default_rng(5).normal(0, 3000, int(seconds * 16_000)).astype("<i2").tobytes()


def texts(seat):
    return list(
        Sentence.objects.filter(part=room_session_of(seat).part)
        .order_by("index")
        .values_list("text", flat=True)
    )


class TestStallWatch:
    def test_says_once_that_a_recorder_went_silent(self):
        clock = Clock()
        watch = StallWatch(clock=clock)
        assert not watch.over(received=False)
        clock.now += 60
        assert not watch.over(received=False)
        assert not watch.over(received=True)
        clock.now += STALL_S - 0.1
        assert not watch.over(received=False)
        clock.now += 0.1
        assert watch.over(received=False)
        assert not watch.over(received=False)
        assert not watch.over(received=True)
        clock.now += STALL_S
        assert watch.over(received=False)


@pytest.mark.django_db
class TestHeart:
    def test_lease_is_renewed_while_the_main_loop_ticks_and_not_while_it_stands_still(self):
        seat, clock = join("A"), Clock()
        progress = Progress(heard_ms=1000, committed_ms=0, audio_waits=False, delay_s=0.0)
        heart = Heart(served(seat), progress, stuck_s=20, clock=clock)
        clock.now += 20
        heart.beat()
        assert session_of(seat).heard_ms == 1000
        last_beat = session_of(seat).beat_at
        clock.now += 0.1
        heart.beat()
        assert session_of(seat).beat_at == last_beat
        heart.tick(replace(progress, heard_ms=2000))
        heart.beat()
        assert session_of(seat).beat_at > last_beat
        assert session_of(seat).heard_ms == 2000


class TestLogEnd:
    def test_is_what_the_web_process_says_it_is(self):
        end = LogEnd(clock=Clock())
        end.note_entry("more")
        assert not end.reached()
        end.note_entry("end")
        assert end.reached()
        end.note_entry("head")  # the host came back
        assert not end.reached()

    def test_web_process_that_is_gone_is_waited_for_only_while_redis_answers(self):
        clock = Clock()
        end = LogEnd(clock=clock)
        end.note_entry("more")
        clock.now += 60
        assert not end.reached()
        clock.now += LOG_ENDS_WITHIN_S - 0.1
        assert not end.reached()
        end.postpone()
        clock.now += 60
        assert not end.reached()
        clock.now += LOG_ENDS_WITHIN_S
        assert end.reached()


class TestUndecodableWatch:
    def test_says_once_a_stretch_that_nothing_could_be_decoded(self):
        clock = Clock()
        watch = UndecodableWatch(clock=clock)
        watch.note_entry(decoded=False, size_bytes=0)
        clock.now += 60
        assert not watch.expired()
        watch.note_entry(decoded=False, size_bytes=10)
        clock.now += UNDECODABLE_AFTER_S - 0.1
        watch.note_entry(decoded=False, size_bytes=10)
        assert not watch.expired()
        clock.now += 0.1
        assert watch.expired()
        assert not watch.expired()
        watch.note_entry(decoded=True, size_bytes=10)
        watch.note_entry(decoded=False, size_bytes=10)
        clock.now += UNDECODABLE_AFTER_S
        assert watch.expired()

    def test_header_alone_is_no_reason_when_audio_follows(self):
        clock = Clock()
        watch = UndecodableWatch(clock=clock)
        watch.note_entry(decoded=False, size_bytes=200)
        clock.now += 1
        watch.note_entry(decoded=True, size_bytes=200)
        clock.now += 60
        assert not watch.expired()


class TestSpokenClock:
    def test_delay_counts_from_the_arrival_of_the_audio(self):
        clock = Clock()
        spoken = SpokenClock(now=clock)
        spoken.arrived(1000, 90.0)
        spoken.arrived(2000, 91.0)
        assert spoken.seconds_since(1000) == 10.0
        assert spoken.seconds_since(1001) == 9.0
        assert spoken.seconds_since(2001) == 0.0

    def test_clocks_that_disagree_make_no_negative_delay(self):
        spoken = SpokenClock(now=Clock())
        spoken.arrived(1000, 200.0)
        assert spoken.seconds_since(1000) == 0.0


def until(holds):
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline
        Event().wait(0.1)


@pytest.mark.django_db
class TestSink:
    def sink(self, seat):
        return TranscriptSink(served(seat), room_session_of(seat).part, wait=lambda seconds: None)

    def test_sentence_and_progress_are_one_write(self):
        seat = join("A")
        self.sink(seat).handle([SentenceReady(0, 900, "Eins.", True)], committed_ms=900, clock=SpokenClock())
        assert texts(seat) == ["Eins."]
        assert session_of(seat).committed_ms == 900

    def test_sentence_that_ends_before_what_is_settled_is_written_all_the_same(self):
        seat = join("A")
        sink = self.sink(seat)
        for text, committed_ms in (("Eins.", 5000), ("Zwei.", 5000), ("Drei.", 4000)):
            sink.handle([SentenceReady(0, 900, text, False)], committed_ms=committed_ms, clock=SpokenClock())
        assert texts(seat) == ["Eins.", "Zwei.", "Drei."]
        assert session_of(seat).committed_ms == 5000

    def test_sentence_that_is_removed_while_its_part_is_live_takes_no_later_one_along(self):
        seat = join("A")
        sink = self.sink(seat)
        for number, text in enumerate(("Eins.", "Zwei.", "Drei.", "Vier.")):
            sink.handle([SentenceReady(0, 900, text, False)], committed_ms=0, clock=SpokenClock())
            if number % 2:
                remove_sentence(Sentence.objects.get(text=text))
        assert texts(seat) == ["Eins.", "Drei."]
        assert list(Sentence.with_removed.order_by("index").values_list("index", flat=True)) == [0, 1, 2, 3]

    def test_write_whose_answer_was_lost_is_not_written_twice(self):
        seat = join("A")
        lease, part = served(seat), room_session_of(seat).part
        sentences = [SentenceReady(0, 900, text, False) for text in ("Eins.", "Eins.", "Zwei.")]
        TranscriptSink(lease, part).handle(sentences[:2], committed_ms=900, clock=SpokenClock())
        again = TranscriptSink(lease, part)  # it gives out the same sentences, by the same keys
        again.handle(sentences, committed_ms=1800, clock=SpokenClock())
        assert texts(seat) == ["Eins.", "Eins.", "Zwei."]
        assert session_of(seat).committed_ms == 1800

    def test_next_generation_s_sentences_are_not_those_of_the_one_before(self):
        seat = join("A")
        self.sink(seat).handle([SentenceReady(0, 900, "Ja.", False)], committed_ms=900, clock=SpokenClock())
        start_next_generation(Lease(seat.session_id, 1))
        self.sink(seat).handle(
            [SentenceReady(900, 1800, "Ja.", False)], committed_ms=1800, clock=SpokenClock()
        )
        assert texts(seat) == ["Ja.", "Ja."]

    def test_partial_is_never_stored(self):
        seat = join("A")
        self.sink(seat).handle([PartialText(0, "Ei")], committed_ms=0, clock=SpokenClock())
        assert texts(seat) == []

    def test_nothing_is_written_when_the_lease_is_lost(self):
        seat = join("A")
        sink = self.sink(seat)
        start_next_generation(Lease(seat.session_id, 1))
        with pytest.raises(LeaseLost):
            sink.handle([SentenceReady(0, 900, "Eins.", True)], committed_ms=900, clock=SpokenClock())
        assert texts(seat) == []


@pytest.mark.django_db(transaction=True)
class TestServing:
    def log(self, seat):
        return AudioLog(settings.REDIS_URL, f"{session_of(seat).audio_key}")

    def said(self, seat, seconds):
        """A host spoke and has left."""
        self.log(seat).append("pcm", noise(seconds))
        self.log(seat).append("end", b"")

    def serve(self, seat, generation=1, make_captioner=runtime.make_captioner):
        serve(
            Lease(seat.session_id, generation),
            NODE,
            make_captioner=make_captioner,
            log=self.log(seat),
        )

    def test_all_audio_of_a_closing_session_becomes_text_then_everything_is_cleaned_up(self):
        seat = join("A")
        log = self.log(seat)
        self.said(seat, 4.5)
        close_room(seat.room_id)
        self.serve(seat)
        assert texts(seat) == [
            "S0001w1 s0001w2 s0001w3 s0001w4.",
            "S0002w1 s0002w2 s0002w3 s0002w4.",
            "S0003w1.",
        ]
        assert session_of(seat).state == "closed"
        assert not log.has_after("0-0")

    def test_process_that_hangs_while_closing_is_replaced_and_the_next_one_finishes(self, settings):
        settings.ENV = settings.ENV.model_copy(update={"asr_stuck_s": 2.0, "asr_beat_stale_s": 2.0})
        seat = join("A")
        self.said(seat, 4.5)
        close_room(seat.room_id)
        hangs, goes_on = Event(), Event()

        class HangingCaptioner(Captioner):
            def flush_steps(self):
                hangs.set()
                goes_on.wait()
                yield from super().flush_steps()

        def make_captioner(session, counters):
            return HangingCaptioner(ScriptedRecogniser, runtime.engine_options(session))

        def hang():
            try:
                self.serve(seat, make_captioner=make_captioner)
            finally:
                connections.close_all()

        thread = Thread(target=hang)
        thread.start()
        try:
            assert hangs.wait(WITHIN_S)
            until(lambda: sweep() or session_of(seat).generation == 2)
            self.serve(seat, generation=2)
        finally:
            goes_on.set()
            thread.join()
        assert texts(seat) == [
            "S0001w1 s0001w2 s0001w3 s0001w4.",
            "S0002w1 s0002w2 s0002w3 s0002w4.",
            "S0003w1.",
        ]
        assert (session_of(seat).state, len(session_of(seat).deaths)) == ("closed", 1)

    def test_next_process_counts_on_from_what_the_one_before_counted(self):
        seat, counted = join("A"), []
        name, *_ = [field.name for field in fields(Counters)]
        Session.objects.filter(pk=seat.session_id).update(counters={name: 3, "of_another_release": 1})

        def make_captioner(session, counters):
            counted.append(getattr(counters, name))
            return Captioner(ScriptedRecogniser, runtime.engine_options(session))

        self.said(seat, 1.0)
        close_room(seat.room_id)
        self.serve(seat, make_captioner=make_captioner)
        assert counted == [3]

    def test_process_that_waits_for_redis_is_not_stuck(self):
        seat = join("A")
        came, gone = Event(), Event()

        class HoldingCaptioner(Captioner):
            polls = 0

            def poll(self):
                self.polls += 1
                if self.polls == 2:  # more waits than a read takes, and the heart knows
                    came.set()
                    gone.wait()
                return super().poll()

        with tempfile.TemporaryDirectory() as folder, RealRedis(Path(folder)) as redis:
            log = AudioLog(redis.url, session_of(seat).audio_key)
            for _ in range(2 * READ_COUNT):
                log.append("pcm", noise(0.1))
            close_room(seat.room_id)

            def make_captioner(session, counters):
                return HoldingCaptioner(ScriptedRecogniser, runtime.engine_options(session))

            def run():
                try:
                    serve(Lease(seat.session_id, 1), NODE, make_captioner=make_captioner, log=log)
                finally:
                    connections.close_all()

            thread = Thread(target=run)
            thread.start()
            try:
                assert came.wait(WITHIN_S)
                until(lambda: session_of(seat).audio_waits)
                redis.stop()
                gone.set()
                until(lambda: not session_of(seat).audio_waits)
                redis.start()
            finally:
                gone.set()
                thread.join()
        assert (session_of(seat).state, session_of(seat).generation) == ("closed", 1)
        assert len(texts(seat)) == 7

    def test_minutes_of_audio_are_written_sentence_by_sentence_when_the_room_closes(self):
        seat = join("A")
        log, minutes = self.log(seat), 5
        for _ in range(minutes):
            log.append("pcm", noise(60))
        log.append("end", b"")
        close_room(seat.room_id)
        self.serve(seat)
        assert len(texts(seat)) == minutes * 30
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(DISTINCT xmin::text) FROM transcripts_sentence")
            assert cursor.fetchone()[0] == minutes * 30

    def test_next_generation_goes_on_behind_the_last_sentence(self):
        seat = join("A")
        self.said(seat, 4.5)
        sink = TranscriptSink(served(seat), room_session_of(seat).part)
        sink.handle([SentenceReady(0, 2000, "Said before.", True)], committed_ms=2000, clock=SpokenClock())
        start_next_generation(Lease(seat.session_id, 1))
        close_room(seat.room_id)
        self.serve(seat, generation=2)
        assert texts(seat) == ["Said before.", "S0002w1 s0002w2 s0002w3 s0002w4.", "S0003w1."]

    def test_unstored_text_is_gone_when_the_process_has_finished(self):
        seat = join("A", terms=replace(TERMS, store=False))
        self.said(seat, 2.5)
        close_room(seat.room_id)
        self.serve(seat)
        assert texts(seat) == []
        assert Track.objects.get().version == 4  # two sentences came, two went

    def test_process_of_an_older_generation_serves_nothing(self):
        seat = join("A")
        start_next_generation(Lease(seat.session_id, 1))
        self.said(seat, 2.5)
        self.serve(seat, generation=1)
        assert texts(seat) == []
        assert session_of(seat).pid is None

    def test_restarted_part_is_finished_by_its_own_process_and_the_room_stays_open(self):
        seat = join("A")
        self.said(seat, 2.5)
        restart_session(room_id=seat.room_id, connection_id=seat.connection_id)
        self.serve(seat)
        assert len(texts(seat)) == 2
        assert session_of(seat).state == "closed"
        assert room_session_of(seat).room.sessions.filter(session__state="starting").exists()
