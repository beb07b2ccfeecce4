"""A recogniser and a person in one room: who writes when, whatever dies meanwhile."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from threading import Thread

import numpy as np
import pytest
from channels.db import database_sync_to_async
from django.conf import settings
from django.db import connections
from django.utils import timezone

from asr import runtime
from asr.caption.captioner import SentenceEnded, SentenceReady
from asr.caption.partial import PartialText
from asr.delay import SpokenClock
from asr.leases import Lease, LeaseLost, Progress, beat, held, start_next_generation
from asr.process import Node, serve
from asr.recognise.recogniser import Word
from asr.rooms.ending import close_room
from asr.rooms.models import Pen
from asr.rooms.pen import TypedSentence, release_pen, renew_pen, show_typed, take_pen, write_typed
from asr.sinks.transcript import TranscriptSink
from asr.tests.make import join, log_of, room_session_of, served, session_of
from transcripts.events import Heard, Partial, PenChanged
from transcripts.hub import hub
from transcripts.live import room_group
from transcripts.models import Sentence

WITHIN_S = 60


def said(start_ms, text, word_ms=500):
    words = tuple(
        Word(start_ms + word_ms * at, start_ms + word_ms * (at + 1), f" {word}", 1.0)
        for at, word in enumerate(text.split())
    )
    return SentenceReady(start_ms, words[-1].end_ms, text, False, words=words)


def piece(text):
    """It begins a sentence that goes on."""
    return replace(said(0, text), ends=False)


class Room:
    """A room whose process is this test: what it hears arrives now, unless a test says otherwise."""

    def __init__(self, code="A"):
        self.host_lease = join(code)
        self.lease = served(self.host_lease)
        self.room_id = self.host_lease.room_id
        self.spoken = SpokenClock()
        part = room_session_of(self.host_lease).part
        self.sink = TranscriptSink(self.lease, part, wait=lambda seconds: None)

    def hears(self, *events, committed_ms, heard_ms=None):
        """A step of the process."""
        self.spoken.arrived(heard_ms or committed_ms, timezone.now().timestamp())
        self.sink.look()
        breaks = self.sink.wants_break()
        return breaks, self.sink.handle(list(events), committed_ms=committed_ms, clock=self.spoken)

    def types(self, lease, text, sentence_id):
        now = timezone.now()
        return write_typed(lease, TypedSentence(sentence_id * 36, text, now, now))

    @property
    def texts(self):
        part = room_session_of(self.host_lease).part
        return list(Sentence.objects.filter(part=part).order_by("index").values_list("text", flat=True))

    @property
    def ends(self):
        part = room_session_of(self.host_lease).part
        return list(Sentence.objects.filter(part=part).order_by("index").values_list("text", "ends"))

    @property
    def committed_ms(self):
        return session_of(self.host_lease).committed_ms

    def expire(self):
        Pen.objects.filter(released_at=None).update(expires_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.django_db
class TestTwoWriters:
    def test_recogniser_makes_way_keeps_quiet_and_takes_over(self):
        room = Room()
        assert room.hears(said(0, "One two."), committed_ms=1000) == (False, 1000)
        pen = take_pen(room.room_id)
        assert room.hears(said(1000, "Three four"), committed_ms=2000) == (True, 2000)
        assert room.texts == ["One two.", "Three four"]
        assert Pen.objects.get().from_ms == 2000
        assert room.hears(said(2000, "five six."), committed_ms=3000) == (False, 2000)
        room.types(pen, "Five, six.", "a")
        assert room.hears(committed_ms=3000) == (False, 3000)
        assert room.texts == ["One two.", "Three four", "Five, six."]
        release_pen(pen)
        assert room.hears(committed_ms=3000) == (True, 3000)
        assert room.hears(said(3000, "Seven eight."), committed_ms=4000) == (False, 4000)
        assert room.texts == ["One two.", "Three four", "Five, six.", "Seven eight."]
        assert room.committed_ms == 4000

    def test_sentence_of_which_pieces_are_stored_ends_where_a_person_takes_the_pen(self):
        room = Room()
        room.hears(piece("One two"), committed_ms=1000)
        pen = take_pen(room.room_id)
        assert room.hears(SentenceEnded(), committed_ms=1000) == (True, 1000)
        assert room.ends == [("One two", True)]
        room.types(pen, "Three, four.", "a")
        assert room.ends == [("One two", True), ("Three, four.", True)]

    def test_whatever_a_person_writes_ends_the_recogniser_s_sentence(self):
        room = Room()
        room.hears(piece("One two"), committed_ms=1000)
        pen = take_pen(room.room_id)
        Pen.objects.update(taken_at=timezone.now() - timedelta(seconds=10))  # its process hangs
        room.types(pen, "Three, four.", "a")
        assert room.ends == [("One two", True), ("Three, four.", True)]

    def test_what_was_spoken_while_a_person_finished_nothing_is_given_out(self):
        room = Room()
        take_pen(room.room_id)
        room.hears(committed_ms=1000)
        assert room.hears(said(1000, "One two."), committed_ms=2000) == (False, 1000)
        assert room.texts == []
        room.expire()
        assert room.hears(committed_ms=2000) == (True, 2000)
        assert room.texts == ["One two."]
        assert Pen.objects.get().released_at is not None

    def test_words_behind_a_person_s_last_sentence_are_the_recogniser_s(self):
        room = Room()
        pen = take_pen(room.room_id)
        room.hears(committed_ms=1000)
        room.types(pen, "Up to here.", "a")
        room.expire()
        room.hears(said(1000, "a b"), committed_ms=2000)
        assert room.texts == ["Up to here.", "a b"]

    def test_sentence_over_the_edge_of_what_a_person_wrote_keeps_its_other_words(self):
        room = Room()
        written_at = timezone.now()
        room.spoken.arrived(2000, (written_at - timedelta(seconds=2)).timestamp())
        room.spoken.arrived(4000, (written_at - timedelta(seconds=1)).timestamp())
        pen = take_pen(room.room_id)
        Pen.objects.update(taken_at=written_at - timedelta(seconds=2), written_at=written_at)
        release_pen(pen)
        room.hears(said(1000, "a b c d e f g h i j."), committed_ms=6000)
        assert room.texts == ["a b", "g h i j."]

    def test_who_keeps_the_pen_keeps_the_recogniser_quiet(self):
        room = Room()
        pen = take_pen(room.room_id)
        room.hears(committed_ms=1000)
        room.hears(said(1000, "One two."), committed_ms=2000)
        renew_pen(pen, keeps=True)
        assert room.hears(committed_ms=2000) == (False, 2000)
        release_pen(pen)
        room.hears(committed_ms=2000)
        assert room.texts == []

    def test_typing_without_an_end_holds_up_a_minute_and_no_more(self):
        room = Room()
        take_pen(room.room_id)
        room.hears(committed_ms=1000)
        room.hears(said(1000, "One two."), said(30_000, "Three four."), committed_ms=40_000)
        assert room.texts == []
        assert room.hears(committed_ms=62_001) == (False, 30_000)
        assert room.texts == ["One two."]

    def test_closing_gives_out_what_waits(self):
        room = Room()
        take_pen(room.room_id)
        room.hears(committed_ms=1000)
        room.hears(said(1000, "One two."), committed_ms=2000)
        room.sink.settle(room.spoken)
        assert room.texts == ["One two."]

    def test_process_that_is_behind_gives_out_what_was_spoken_before_the_pen_was_taken(self):
        room = Room()
        now = timezone.now().timestamp()
        room.spoken.arrived(1000, now - 20)
        take_pen(room.room_id)
        room.sink.look()
        assert room.sink.wants_break()
        room.sink.handle([], committed_ms=1000, clock=room.spoken)
        assert Pen.objects.get().from_ms is None
        room.spoken.arrived(15_000, now - 5)
        room.sink.handle([said(2000, "One two.")], committed_ms=3000, clock=room.spoken)
        assert room.texts == ["One two."]
        assert room.hears(said(15_000, "Three."), committed_ms=16_000, heard_ms=17_000) == (False, 15_000)

    def test_words_that_waited_to_be_text_when_the_pen_was_taken_are_not_the_person_s(self):
        room = Room()
        now = timezone.now().timestamp()
        room.spoken.arrived(10_000, now - 10)
        room.spoken.arrived(18_000, now)
        pen = take_pen(room.room_id)
        room.sink.look()
        assert room.sink.wants_break()
        room.sink.handle([], committed_ms=1000, clock=room.spoken)
        room.types(pen, "Typed.", "a")
        room.sink.handle([said(2000, "One two.")], committed_ms=3000, clock=room.spoken)
        assert room.texts == ["Typed.", "One two."]

    def test_nothing_is_written_by_a_generation_that_is_over(self):
        room = Room()
        pen = take_pen(room.room_id)
        start_next_generation(room.lease)
        with pytest.raises(LeaseLost):
            room.hears(said(0, "One two."), committed_ms=1000)
        assert Pen.objects.get().yielded_at is None
        room.types(pen, "Nobody waits.", "a")
        assert room.texts == ["Nobody waits."]


@pytest.mark.django_db(transaction=True)
class TestKilled:
    """The next generation decodes again from what was committed, and knows what a person wrote."""

    def log(self, host_lease):
        return log_of(host_lease)

    def noise(self, seconds):
        return np.random.default_rng(5).normal(0, 3000, int(seconds * 16_000)).astype("<i2").tobytes()

    def serve(self, host_lease, generation):
        serve(
            Lease(host_lease.session_id, generation), Node("asr@test", 4711),
            make_captioner=runtime.make_captioner, redis_url=settings.REDIS_URL,
        )  # fmt: skip

    def test_what_waited_is_heard_again_and_what_was_written_is_not_doubled(self):
        room = Room()
        log = self.log(room.host_lease)
        log.append("pcm", self.noise(4))
        room.hears(said(0, "S0001w1 s0001w2 s0001w3 s0001w4."), committed_ms=2000)
        pen = take_pen(room.room_id)
        room.hears(committed_ms=2000)
        room.hears(said(2000, "S0002w1 s0002w2 s0002w3 s0002w4."), committed_ms=4000)
        room.types(pen, "The second.", "a")
        assert room.committed_ms == 2000
        start_next_generation(room.lease)  # it was killed, and did not see that
        release_pen(pen)
        log.append("pcm", self.noise(4))
        log.append("end", b"")
        close_room(room.room_id)
        self.serve(room.host_lease, 2)
        assert room.texts == [
            "S0001w1 s0001w2 s0001w3 s0001w4.",
            "The second.",
            "S0003w1 s0003w2 s0003w3 s0003w4.",
            "S0004w1 s0004w2 s0004w3 s0004w4.",
        ]
        assert session_of(room.host_lease).state == "closed"

    def test_what_nobody_wrote_is_heard_again(self):
        room = Room()
        log = self.log(room.host_lease)
        log.append("pcm", self.noise(4))
        take_pen(room.room_id)
        room.hears(committed_ms=0, heard_ms=1)
        room.hears(said(0, "S0001w1 s0001w2 s0001w3 s0001w4."), committed_ms=2000)
        beat(room.lease, Progress(4000, 0, audio_waits=False, delay_s=0.0))
        start_next_generation(room.lease)
        log.append("end", b"")
        close_room(room.room_id)
        self.serve(room.host_lease, 2)
        assert room.texts == ["S0001w1 s0001w2 s0001w3 s0001w4.", "S0002w1 s0002w2 s0002w3 s0002w4."]


@pytest.mark.django_db(transaction=True)
def test_pen_that_is_taken_while_the_process_writes_comes_behind_that_sentence():
    room = Room()
    found = []

    def takes():
        try:
            found.append(take_pen(room.room_id))
        finally:
            connections.close_all()

    thread = Thread(target=takes)
    with held(room.lease):
        thread.start()
        room.hears(said(0, "One two."), committed_ms=1000)
        assert not found
    thread.join(WITHIN_S)
    room.hears(committed_ms=1000)
    assert room.texts == ["One two."]
    assert (Pen.objects.get().from_ms, Pen.objects.get().pk) == (1000, found[0].pen_id)


@pytest.mark.django_db(transaction=True)
def test_recogniser_and_person_who_write_at_once_write_each_once():
    room = Room()
    room.hears(committed_ms=0, heard_ms=1)
    pen = take_pen(room.room_id)
    room.hears(committed_ms=0, heard_ms=2)
    errors = []

    def types():
        try:
            for number in range(20):
                room.types(pen, f"Typed {number}.", chr(ord("a") + number))
        except BaseException as error:
            errors.append(error)
            raise
        finally:
            connections.close_all()

    thread = Thread(target=types)
    thread.start()
    for number in range(20):
        room.hears(said(1000 * number, f"Spoken {number}."), committed_ms=1000 * (number + 1))
    thread.join(WITHIN_S)
    assert not errors
    release_pen(pen)
    room.hears(committed_ms=20_000)
    typed = [text for text in room.texts if text.startswith("Typed")]
    assert typed == [f"Typed {number}." for number in range(20)]
    indexes = list(Sentence.objects.order_by("index").values_list("index", flat=True))
    assert indexes == list(range(len(indexes)))


@pytest.mark.django_db(transaction=True)
async def test_audience_never_reads_both_unfinished_texts():
    room, came, over = await database_sync_to_async(Room)(), [], asyncio.Event()

    def note(event):
        came.append(event)
        if isinstance(event, Partial) and event.text == "One two three four":
            over.set()

    @database_sync_to_async
    def speak():
        room.hears(PartialText(0, "One", 0), committed_ms=0, heard_ms=500)
        pen = take_pen(room.room_id)
        room.hears(PartialText(0, "One two", 0), committed_ms=0, heard_ms=1000)
        show_typed(pen, "The first", began_at=timezone.now())
        room.hears(PartialText(0, "One two three", 0), committed_ms=0, heard_ms=1500)
        room.expire()
        room.hears(PartialText(0, "One two three four", 0), committed_ms=0, heard_ms=2000)
        connections.close_all()

    await hub().subscribe(room_group(room.room_id), note)
    await speak()
    async with asyncio.timeout(WITHIN_S):
        await over.wait()
    await database_sync_to_async(connections.close_all)()
    shown = [event.text for event in came if isinstance(event, Partial)]
    assert shown == ["One", "The first", "", "One two three four"]
    assert [event.text for event in came if isinstance(event, Heard)] == ["One two", "One two three"]
    assert [event.held for event in came if isinstance(event, PenChanged)] == [True, False]
