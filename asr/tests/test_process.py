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
from asr.caption.captioner import Captioner, SentenceEnded, SentenceReady
from asr.caption.partial import PartialText
from asr.caption.tests.test_pieces import Dictated
from asr.delay import SpokenClock
from asr.heart import Heart
from asr.leases import Lease, LeaseLost, Progress, finish, start_next_generation
from asr.models import Session
from asr.process import READ_COUNT, Node, serve
from asr.recognise.counters import Counters
from asr.recognise.options import EngineOptions
from asr.recognise.scripted import ScriptedRecogniser
from asr.rooms.ending import close_room
from asr.rooms.services import restart_session
from asr.sinks.sink import Resume
from asr.sinks.transcript import TranscriptSink
from asr.sweeps import sweep
from asr.tests.make import TERMS, aged, break_connection, join, log_of, room_session_of, served, session_of
from asr.tests.real_redis import RealRedis
from asr.watches import (
    LEFT_S,
    LOG_ENDS_WITHIN_S,
    STALL_S,
    UNDECODABLE_AFTER_S,
    LogEnd,
    StallWatch,
    UndecodableWatch,
)
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


def texts(host_lease):
    return list(
        Sentence.objects.filter(part=room_session_of(host_lease).part)
        .order_by("index")
        .values_list("text", flat=True)
    )


def ends(host_lease):
    rows = Sentence.objects.filter(part=room_session_of(host_lease).part).order_by("index")
    return list(rows.values_list("text", "ends"))


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

    def test_recorder_that_has_left_is_not_waited_for_as_long_and_may_come_back(self):
        clock = Clock()
        watch = StallWatch(clock=clock)
        watch.note_entry("end")
        assert not watch.over(received=True)
        clock.now += LEFT_S - 0.1
        assert not watch.over(received=False)
        watch.note_entry("join")
        assert not watch.over(received=True)
        clock.now += LEFT_S
        assert not watch.over(received=False)
        watch.note_entry("end")
        assert watch.over(received=False), "nothing came for longer than that by now"


@pytest.mark.django_db
class TestHeart:
    def test_lease_is_renewed_while_the_main_loop_ticks_and_not_while_it_stands_still(self):
        host_lease, clock = join("A"), Clock()
        progress = Progress(heard_ms=1000, committed_ms=0, audio_waits=False, delay_s=0.0)
        heart = Heart(served(host_lease), progress, stuck_s=20, clock=clock)
        clock.now += 20
        heart.beat()
        assert session_of(host_lease).heard_ms == 1000
        last_beat = session_of(host_lease).beat_at
        clock.now += 0.1
        heart.beat()
        assert session_of(host_lease).beat_at == last_beat
        heart.tick(replace(progress, heard_ms=2000))
        heart.beat()
        assert session_of(host_lease).beat_at > last_beat
        assert session_of(host_lease).heard_ms == 2000


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
    def sink(self, host_lease):
        return TranscriptSink(served(host_lease), room_session_of(host_lease).part, wait=lambda seconds: None)

    def test_sentence_and_progress_are_one_write(self):
        host_lease = join("A")
        self.sink(host_lease).handle(
            [SentenceReady(0, 900, "Eins.", True)], committed_ms=900, clock=SpokenClock()
        )
        assert texts(host_lease) == ["Eins."]
        assert session_of(host_lease).committed_ms == 900

    def test_sentence_that_ends_before_what_is_settled_is_written_all_the_same(self):
        host_lease = join("A")
        sink = self.sink(host_lease)
        for text, committed_ms in (("Eins.", 5000), ("Zwei.", 5000), ("Drei.", 4000)):
            sink.handle([SentenceReady(0, 900, text, False)], committed_ms=committed_ms, clock=SpokenClock())
        assert texts(host_lease) == ["Eins.", "Zwei.", "Drei."]
        assert session_of(host_lease).committed_ms == 5000

    def test_sentence_that_is_removed_while_its_part_is_live_takes_no_later_one_along(self):
        host_lease = join("A")
        sink = self.sink(host_lease)
        for number, text in enumerate(("Eins.", "Zwei.", "Drei.", "Vier.")):
            sink.handle([SentenceReady(0, 900, text, False)], committed_ms=0, clock=SpokenClock())
            if number % 2:
                remove_sentence(Sentence.objects.get(text=text))
        assert texts(host_lease) == ["Eins.", "Drei."]
        assert list(Sentence.with_removed.order_by("index").values_list("index", flat=True)) == [0, 1, 2, 3]

    def test_write_whose_answer_was_lost_is_not_written_twice(self):
        host_lease = join("A")
        lease, part = served(host_lease), room_session_of(host_lease).part
        sentences = [SentenceReady(0, 900, text, False) for text in ("Eins.", "Eins.", "Zwei.")]
        TranscriptSink(lease, part).handle(sentences[:2], committed_ms=900, clock=SpokenClock())
        again = TranscriptSink(lease, part)  # it gives out the same sentences, by the same keys
        again.handle(sentences, committed_ms=1800, clock=SpokenClock())
        assert texts(host_lease) == ["Eins.", "Eins.", "Zwei."]
        assert session_of(host_lease).committed_ms == 1800

    def test_next_generation_s_sentences_are_not_those_of_the_one_before(self):
        host_lease = join("A")
        self.sink(host_lease).handle(
            [SentenceReady(0, 900, "Ja.", False)], committed_ms=900, clock=SpokenClock()
        )
        start_next_generation(Lease(host_lease.session_id, 1))
        self.sink(host_lease).handle(
            [SentenceReady(900, 1800, "Ja.", False)], committed_ms=1800, clock=SpokenClock()
        )
        assert texts(host_lease) == ["Ja.", "Ja."]

    def test_pieces_of_a_sentence_are_stored_as_such_and_the_next_generation_goes_on_with_it(self):
        host_lease = join("A")
        sink = self.sink(host_lease)
        pieces = [
            SentenceReady(0, 900, "Eins", False),
            SentenceReady(900, 1800, "zwei", False, ends=False, continues=False),
            SentenceReady(1800, 2700, "drei", False, ends=False, continues=True),
        ]
        sink.handle(pieces, committed_ms=2700, clock=SpokenClock())
        assert ends(host_lease) == [("Eins", True), ("zwei", False), ("drei", False)]
        start_next_generation(Lease(host_lease.session_id, 1))
        sink = self.sink(host_lease)
        assert sink.resume() == Resume(2700, "drei", unfinished="zwei drei")
        last = SentenceReady(2700, 3600, "vier.", False, continues=True)
        sink.handle([last], committed_ms=3600, clock=SpokenClock())
        assert ends(host_lease)[2:] == [("drei", False), ("vier.", True)]
        assert sink.resume() == Resume(3600, "vier.")

    @pytest.mark.parametrize(
        "then", [SentenceEnded(), SentenceReady(2700, 3600, "Neues.", False)], ids=["nothing", "another"]
    )
    def test_sentence_that_was_to_go_on_ends_where_nothing_comes_of_it(self, then):
        host_lease = join("A")
        sink = self.sink(host_lease)
        sink.handle([SentenceReady(0, 900, "Eins", False, ends=False)], committed_ms=900, clock=SpokenClock())
        sink.handle([then], committed_ms=3600, clock=SpokenClock())
        assert ends(host_lease)[0] == ("Eins", True)

    def test_sentence_ends_with_the_piece_before_in_the_same_step(self):
        host_lease = join("A")
        told = [
            SentenceReady(0, 900, "Eins", False, ends=False), SentenceEnded(),
            SentenceReady(900, 1800, "zwei", False, ends=False),
        ]  # fmt: skip
        self.sink(host_lease).handle(told, committed_ms=1800, clock=SpokenClock())
        assert ends(host_lease) == [("Eins", True), ("zwei", False)]

    def test_sentence_that_was_to_go_on_ends_with_its_part(self):
        host_lease = join("A")
        lease = served(host_lease)
        sink = TranscriptSink(lease, room_session_of(host_lease).part)
        sink.handle([SentenceReady(0, 900, "Eins", False, ends=False)], committed_ms=900, clock=SpokenClock())
        close_room(room_session_of(host_lease).room_id)
        finish(lease)
        assert ends(host_lease) == [("Eins", True)]

    def test_partial_is_never_stored(self):
        host_lease = join("A")
        self.sink(host_lease).handle([PartialText(0, "Ei")], committed_ms=0, clock=SpokenClock())
        assert texts(host_lease) == []

    def test_nothing_is_written_when_the_lease_is_lost(self):
        host_lease = join("A")
        sink = self.sink(host_lease)
        start_next_generation(Lease(host_lease.session_id, 1))
        with pytest.raises(LeaseLost):
            sink.handle([SentenceReady(0, 900, "Eins.", True)], committed_ms=900, clock=SpokenClock())
        assert texts(host_lease) == []


@pytest.mark.django_db(transaction=True)
class TestServing:
    def log(self, host_lease):
        return log_of(host_lease)

    def said(self, host_lease, seconds):
        """A host spoke and has left."""
        self.log(host_lease).append("pcm", noise(seconds))
        self.log(host_lease).append("end", b"")

    def serve(self, host_lease, generation=1, make_captioner=runtime.make_captioner):
        serve(
            Lease(host_lease.session_id, generation),
            NODE,
            make_captioner=make_captioner,
            redis_url=settings.REDIS_URL,
        )

    def test_all_audio_of_a_closing_session_becomes_text_then_everything_is_cleaned_up(self):
        host_lease = join("A")
        log = self.log(host_lease)
        self.said(host_lease, 4.5)
        close_room(host_lease.room_id)
        self.serve(host_lease)
        assert texts(host_lease) == [
            "S0001w1 s0001w2 s0001w3 s0001w4.",
            "S0002w1 s0002w2 s0002w3 s0002w4.",
            "S0003w1.",
        ]
        assert session_of(host_lease).state == "closed"
        assert not log.has_after("0-0")

    def test_session_that_has_ended_says_all_that_was_heard_also_behind_the_last_beat(self):
        host_lease, claimed = join("A"), []
        self.said(host_lease, 4.5)
        close_room(host_lease.room_id)

        class LateCaptioner(Captioner):
            def feed(self, start_ms, samples):
                if not claimed:
                    claimed.append(session_of(host_lease).beat_at)
                    until(lambda: session_of(host_lease).beat_at > claimed[0])
                return super().feed(start_ms, samples)

        def make_captioner(session, source_lang, resume, shared):
            return LateCaptioner(ScriptedRecogniser, runtime.engine_options(session, source_lang))

        self.serve(host_lease, make_captioner=make_captioner)
        session = session_of(host_lease)
        assert (session.state, session.heard_ms, session.committed_ms) == ("closed", 4500, 4500)

    def test_host_whose_socket_broke_and_who_is_back_goes_on_in_the_same_sentence(self):
        host_lease = join("A")
        self.said(host_lease, 1)
        self.said(host_lease, 1)
        close_room(host_lease.room_id)
        self.serve(host_lease)
        assert texts(host_lease) == ["S0001w1 s0001w2 s0001w3 s0001w4."]

    def test_last_words_of_a_host_who_does_not_come_back_become_a_sentence_while_the_room_is_open(self):
        host_lease = join("A")
        self.said(host_lease, 1)
        thread = Thread(target=lambda: (self.serve(host_lease), connections.close_all()))
        thread.start()
        try:
            until(lambda: texts(host_lease) == ["S0001w1 s0001w2."])
            assert session_of(host_lease).state == "live"
        finally:
            close_room(host_lease.room_id)
            thread.join(WITHIN_S)

    def test_process_that_hangs_while_closing_is_replaced_and_the_next_one_finishes(self, settings):
        settings.ENV = settings.ENV.model_copy(update={"asr_stuck_s": 2.0, "asr_beat_stale_s": 2.0})
        host_lease = join("A")
        self.said(host_lease, 4.5)
        close_room(host_lease.room_id)
        hangs, goes_on = Event(), Event()

        class HangingCaptioner(Captioner):
            def flush_steps(self):
                hangs.set()
                goes_on.wait()
                yield from super().flush_steps()

        def make_captioner(session, source_lang, resume, shared):
            return HangingCaptioner(ScriptedRecogniser, runtime.engine_options(session, source_lang))

        def hang():
            try:
                self.serve(host_lease, make_captioner=make_captioner)
            finally:
                connections.close_all()

        thread = Thread(target=hang)
        thread.start()
        try:
            assert hangs.wait(WITHIN_S)
            until(lambda: sweep() or session_of(host_lease).generation == 2)
            self.serve(host_lease, generation=2)
        finally:
            goes_on.set()
            thread.join()
        assert texts(host_lease) == [
            "S0001w1 s0001w2 s0001w3 s0001w4.",
            "S0002w1 s0002w2 s0002w3 s0002w4.",
            "S0003w1.",
        ]
        assert (session_of(host_lease).state, len(session_of(host_lease).deaths)) == ("closed", 1)

    def test_process_that_dies_within_a_long_sentence_is_followed_by_one_that_goes_on_with_it(self):
        host_lease, spoken = join("A"), "we print, and we print, because letters are made of lead."
        self.said(host_lease, 6)
        close_room(host_lease.room_id)

        def captioner_of(kind):
            def make_captioner(session, source_lang, resume, shared):
                return kind(
                    lambda at_ms: Dictated(spoken.split(), at_ms), EngineOptions(piece_words=2, piece_words_most=4),
                    resume.committed_ms, line=1, committed_text=resume.committed_text, unfinished=resume.unfinished,
                )  # fmt: skip

            return make_captioner

        class Died(Exception):
            """The process's end."""

        class DyingCaptioner(Captioner):
            def poll(self):
                self.live()
                return super().poll()

            def flush_steps(self):
                self.live()
                for events in super().flush_steps():
                    yield events
                    self.live()

            def live(self):
                if self.committed_ms > 2000:
                    raise Died

        with pytest.raises(Died):
            self.serve(host_lease, make_captioner=captioner_of(DyingCaptioner))
        pieces = [("We print,", False), ("and we print,", False)]
        assert ends(host_lease) == pieces
        start_next_generation(Lease(host_lease.session_id, 1))
        self.serve(host_lease, generation=2, make_captioner=captioner_of(Captioner))
        assert ends(host_lease) == [*pieces, ("because letters are made", False), ("of lead.", True)]

    def test_next_process_counts_on_from_what_the_one_before_counted(self):
        host_lease, counted = join("A"), []
        name, *_ = [field.name for field in fields(Counters)]
        Session.objects.filter(pk=host_lease.session_id).update(counters={name: 3, "of_another_release": 1})

        def make_captioner(session, source_lang, resume, shared):
            counted.append(getattr(shared.counters, name))
            return Captioner(ScriptedRecogniser, runtime.engine_options(session, source_lang))

        self.said(host_lease, 1.0)
        close_room(host_lease.room_id)
        self.serve(host_lease, make_captioner=make_captioner)
        assert counted == [3]

    def test_process_whose_connection_breaks_while_it_opens_asks_again_and_serves(self):
        host_lease, asked = join("A"), []

        def make_captioner(session, source_lang, resume, shared):
            asked.append(session.pk)
            if len(asked) == 1:
                break_connection()
            return runtime.make_captioner(session, source_lang, resume, shared)

        self.said(host_lease, 2.0)
        close_room(host_lease.room_id)
        self.serve(host_lease, make_captioner=make_captioner)
        assert asked == [host_lease.session_id] * 2
        assert texts(host_lease) == ["S0001w1 s0001w2 s0001w3 s0001w4."]
        assert session_of(host_lease).deaths == []

    def test_process_that_waits_for_redis_is_not_stuck(self):
        host_lease = join("A")
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
            log = log_of(host_lease, redis.url)
            for _ in range(2 * READ_COUNT):
                log.append("pcm", noise(0.1))
            close_room(host_lease.room_id)

            def make_captioner(session, source_lang, resume, shared):
                return HoldingCaptioner(ScriptedRecogniser, runtime.engine_options(session, source_lang))

            def run():
                try:
                    serve(
                        Lease(host_lease.session_id, 1),
                        NODE,
                        make_captioner=make_captioner,
                        redis_url=redis.url,
                    )
                finally:
                    connections.close_all()

            thread = Thread(target=run)
            thread.start()
            try:
                assert came.wait(WITHIN_S)
                until(lambda: session_of(host_lease).audio_waits)
                redis.stop()
                gone.set()
                until(lambda: not session_of(host_lease).audio_waits)
                redis.start()
            finally:
                gone.set()
                thread.join()
        assert (session_of(host_lease).state, session_of(host_lease).generation) == ("closed", 1)
        assert len(texts(host_lease)) == 7

    def test_minutes_of_audio_are_written_sentence_by_sentence_when_the_room_closes(self):
        host_lease = join("A")
        log, minutes = self.log(host_lease), 5
        for _ in range(minutes):
            log.append("pcm", noise(60))
        log.append("end", b"")
        close_room(host_lease.room_id)
        self.serve(host_lease)
        assert len(texts(host_lease)) == minutes * 30
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(DISTINCT xmin::text) FROM transcripts_sentence")
            assert cursor.fetchone()[0] == minutes * 30

    def test_next_generation_goes_on_behind_the_last_sentence(self):
        host_lease = join("A")
        self.said(host_lease, 4.5)
        sink = TranscriptSink(served(host_lease), room_session_of(host_lease).part)
        sink.handle([SentenceReady(0, 2000, "Said before.", True)], committed_ms=2000, clock=SpokenClock())
        start_next_generation(Lease(host_lease.session_id, 1))
        close_room(host_lease.room_id)
        self.serve(host_lease, generation=2)
        assert texts(host_lease) == ["Said before.", "S0002w1 s0002w2 s0002w3 s0002w4.", "S0003w1."]

    def test_unstored_text_is_gone_seconds_after_the_process_has_finished(self):
        host_lease = join("A", terms=replace(TERMS, store=False))
        self.said(host_lease, 2.5)
        close_room(host_lease.room_id)
        self.serve(host_lease)
        aged(host_lease, closed_at=6)
        sweep()
        assert texts(host_lease) == []
        assert Track.objects.get().version == 4  # two sentences came, two went

    def test_process_of_an_older_generation_serves_nothing(self):
        host_lease = join("A")
        start_next_generation(Lease(host_lease.session_id, 1))
        self.said(host_lease, 2.5)
        self.serve(host_lease, generation=1)
        assert texts(host_lease) == []
        assert session_of(host_lease).pid is None

    def test_restarted_part_is_finished_by_its_own_process_and_the_room_stays_open(self):
        host_lease = join("A")
        self.said(host_lease, 2.5)
        restart_session(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
        self.serve(host_lease)
        assert len(texts(host_lease)) == 2
        assert session_of(host_lease).state == "closed"
        assert room_session_of(host_lease).room.sessions.filter(session__state="starting").exists()
