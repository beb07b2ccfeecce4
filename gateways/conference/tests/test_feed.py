"""A room's feed in one process: real rows, a real channel layer; sockets that note what they get."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from channels.db import database_sync_to_async
from django.conf import settings
from django.db import connection, connections
from django.utils import timezone

from asr.audio_log import AsyncAudioLog
from asr.caption.captioner import SentenceReady
from asr.caption.partial import PartialText
from asr.delay import SpokenClock
from asr.models import Session
from asr.redis_clients import close_async_clients
from asr.rooms.ending import close_room, close_to_viewers
from asr.rooms.selectors import VIEWERS_STAY
from asr.rooms.services import restart_session
from asr.session_keys import session_cipher
from asr.sessions import finish_session
from asr.sinks.transcript import TranscriptSink
from asr.tests.make import TERMS, join, room_session_of, served, session_of
from gateways.conference.feed import Member, follow, unfollow
from transcripts import live
from transcripts.events import Delays, EngineReady, Partial, RoomClosed, StateChanged
from transcripts.follow import CHECK_EVERY_S
from transcripts.models import RoomState, Sentence, Track
from transcripts.services import NewSentence, add_sentences, correct_sentence

pytestmark = pytest.mark.django_db(transaction=True)
WITHIN_S = 60
TRIES = 10


@pytest.fixture(autouse=True)
async def _connections_of_threads_are_closed():
    yield
    await close_async_clients()
    await database_sync_to_async(connections.close_all)()


class Socket:
    """Notes chunks and controls."""

    def __init__(self, broadcast=1):
        self.chunks, self.controls = [], []
        self.came = asyncio.Event()
        self.member = Member(self._send, self._control, broadcast)

    async def _send(self, chunk):
        self.chunks.append(json.loads(chunk))
        self.came.set()

    def _control(self, event):
        self.controls.append((event, len(self.chunks)))
        self.came.set()

    async def until(self, holds):
        async with asyncio.timeout(WITHIN_S):
            while not holds():
                self.came.clear()
                await self.came.wait()

    def texts(self):
        return [
            sentence["content"].get("en", "")
            for line in self.chunks[-1]["last_n_sents"]
            for sentence in line["sentences"]
        ]

    @property
    def closed(self):
        return any(isinstance(event, RoomClosed) for event, _ in self.controls)


async def log_of(host_lease):
    cipher = await database_sync_to_async(session_cipher)(host_lease.session_id)
    return AsyncAudioLog(settings.REDIS_URL, str(host_lease.session_id), cipher=cipher)


@asynccontextmanager
async def following(host_lease, *sockets):
    feeds = [await follow(host_lease.room_id, socket.member) for socket in sockets]
    try:
        yield feeds
    finally:
        for feed, socket in zip(feeds, sockets, strict=True):
            await unfollow(feed, socket.member)


def words_of(line):
    return [word for sentence in line["sentences"] for word in sentence["content"]["en"].split()]


@database_sync_to_async
def opened(code="A", terms=TERMS):
    return join(code, terms=terms)


@database_sync_to_async
def lose_postgresql(nowhere):
    connection.close()
    connection.settings_dict["HOST"] = str(nowhere)


@database_sync_to_async
def say(host_lease, *texts):
    return add_sentences(
        part=room_session_of(host_lease).part, sentences=[NewSentence(0, 900, text) for text in texts]
    )


@database_sync_to_async
def say_without_publishing(host_lease, text):
    """A sentence whose hint is lost."""
    part = room_session_of(host_lease).part
    track = Track.objects.get(room=part.room, lang="en")
    track.version += 1
    track.save()
    index = Sentence.objects.filter(part=part).count()
    Sentence.objects.create(
        track=track, part=part, index=index, line=0, position=index, start_ms=0, end_ms=900, text=text,
        version=track.version,
    )  # fmt: skip


@database_sync_to_async
def end(host_lease):
    if session_of(host_lease).state in Session.OPEN:
        close_room(host_lease.room_id)
    finish_session(session_of(host_lease))


async def test_viewer_reads_what_was_said_then_every_change_and_nothing_twice():
    host_lease, socket = await opened(), Socket()
    await say(host_lease, "One.")
    async with following(host_lease, socket):
        assert socket.texts() == ["One."]
        (row,) = await say(host_lease, "Two.")
        await socket.until(lambda: socket.texts() == ["One.", "Two."])
        await database_sync_to_async(correct_sentence)(sentence=row, text="2.")
        await socket.until(lambda: socket.texts() == ["One.", "2."])
        live.publish_room(host_lease.room_id, StateChanged("live", host_lease.broadcast, 1, "en"))
        await say(host_lease, "Three.")
        await socket.until(lambda: socket.texts() == ["One.", "2.", "Three."])
    assert all(before != after for before, after in zip(socket.chunks, socket.chunks[1:], strict=False))


async def test_no_chunk_holds_the_same_words_twice_and_the_rest_of_them_comes():
    host_lease, socket = await opened(), Socket()
    sink = await database_sync_to_async(
        lambda: TranscriptSink(served(host_lease), room_session_of(host_lease).part)
    )()

    @database_sync_to_async
    def hear(*events):
        sink.handle(events, committed_ms=0, clock=SpokenClock())

    async with following(host_lease, socket):
        for number in range(10):
            words, rest = f"S{number}a s{number}b.", f"S{number + 1}a"
            await hear(PartialText(0, f"S{number}a"))
            await hear(PartialText(0, f"{words} {rest}"))
            await hear(PartialText(0, words), SentenceReady(0, 900, words, False), PartialText(900, rest))
            await socket.until(lambda rest=rest: socket.chunks[-1]["incomplete_sentence"] == rest)
    for chunk in socket.chunks:
        said = [text for line in chunk["last_n_sents"] for text in words_of(line)]
        said += chunk["incomplete_sentence"].split()
        assert len(said) == len(set(said)), chunk


async def test_second_part_is_the_second_line_though_the_first_had_pauses():
    host_lease, socket = await opened(), Socket()
    await database_sync_to_async(
        lambda: add_sentences(
            part=room_session_of(host_lease).part,
            sentences=[NewSentence(9000 * n, 9000 * n + 900, f"{n}.", new_line=True) for n in range(3)],
        )
    )()
    async with following(host_lease, socket):
        (line,) = socket.chunks[-1]["last_n_sents"]
        assert [sentence["sent_idx"] for sentence in line["sentences"]] == [0, 1, 2]
        new_id = await database_sync_to_async(restart_session)(
            room_id=host_lease.room_id, connection_id=host_lease.connection_id
        )
        await say(replace(host_lease, session_id=new_id), "After it.")
        await socket.until(lambda: [line["line_idx"] for line in socket.chunks[-1]["last_n_sents"]] == [0, 1])


async def test_delay_grows_while_audio_waits_for_a_process_before_the_first_sentence():
    host_lease, socket = await opened(), Socket()
    log = await log_of(host_lease)
    async with following(host_lease, socket):
        await log.append("pcm", b"\0" * 8000)
        await socket.until(lambda: socket.chunks[-1]["transcription_delay"] >= 1)
        await log.delete()
        await socket.until(lambda: socket.chunks[-1]["transcription_delay"] == 0)


async def test_delay_grows_by_the_second_while_audio_waits_and_nothing_else_happens(tmp_path):
    host_lease, socket = await opened(), Socket()
    log = await log_of(host_lease)
    async with following(host_lease, socket):
        await log.append("pcm", b"\0" * 8000)
        await socket.until(lambda: socket.chunks[-1]["transcription_delay"] >= 1)
        host = connection.settings_dict["HOST"]
        try:
            await lose_postgresql(tmp_path)  # comparing with it is no occasion any more
            known_s = socket.chunks[-1]["transcription_delay"]
            await socket.until(lambda: socket.chunks[-1]["transcription_delay"] >= known_s + 1)
        finally:
            connection.settings_dict["HOST"] = host
    await log.delete()


async def test_backlog_of_a_process_is_a_chunk_whenever_it_moves_by_a_second():
    host_lease, socket = await opened(), Socket()
    sink = await database_sync_to_async(
        lambda: TranscriptSink(served(host_lease), room_session_of(host_lease).part)
    )()
    async with following(host_lease, socket):
        for waiting_s, told_s in ((0.5, 0), (3.0, 3), (3.4, 3), (12.0, 12)):
            await database_sync_to_async(
                lambda waiting_s=waiting_s: sink.note_backlog(time.time() - waiting_s)
            )()
            # no process beats here: a comparison that comes meanwhile knows nothing of a delay
            await socket.until(
                lambda told_s=told_s: any(chunk["transcription_delay"] >= told_s for chunk in socket.chunks)
            )
        delays_s = [chunk["transcription_delay"] for chunk in socket.chunks]
        assert sum(3 <= delay_s < 4 for delay_s in delays_s) == 1


async def test_delay_of_a_lost_hint_costs_seconds():
    host_lease, socket = await opened(), Socket()
    await database_sync_to_async(served)(host_lease)
    async with following(host_lease, socket):
        await RoomState.objects.filter(pk=host_lease.room_id).aupdate(
            delay_s=7.5, delay_at=timezone.now() + timedelta(minutes=1)
        )
        await socket.until(lambda: socket.chunks[-1]["transcription_delay"] == 7.5)


async def test_lost_hint_is_noticed_by_the_next_one_and_costs_seconds_where_none_follows():
    host_lease, socket = await opened(), Socket()
    async with following(host_lease, socket):
        await say_without_publishing(host_lease, "One.")
        await socket.until(lambda: socket.texts() == ["One."])  # the feed has just compared by itself
        took_s = []
        for number in range(TRIES):  # on a busy machine one of them is quick
            await say_without_publishing(host_lease, f"Lost {number}.")
            await say(host_lease, f"Next {number}.")
            began_s = time.monotonic()
            told = [f"Lost {number}.", f"Next {number}."]
            await socket.until(lambda told=told: socket.texts()[-2:] == told)
            took_s.append(time.monotonic() - began_s)
            if took_s[-1] < CHECK_EVERY_S / 2:
                break
        assert min(took_s) < CHECK_EVERY_S / 2, took_s


async def test_last_sentence_comes_before_the_end_though_it_is_the_first_one_and_not_to_be_stored():
    """Nobody follows its track yet: it is read from PostgreSQL, however late."""
    host_lease = await opened(terms=replace(TERMS, store=False))
    socket = Socket()
    async with following(host_lease, socket):
        await say(host_lease, "Last words.")
        await end(host_lease)
        await socket.until(lambda: socket.closed)
        chunks_before_end = next(count for event, count in socket.controls if isinstance(event, RoomClosed))
        last = socket.chunks[chunks_before_end - 1]
        assert last["last_n_sents"][0]["sentences"][0]["content"] == {"en": "Last words."}


async def test_end_of_an_older_broadcast_is_not_the_end_of_who_came_to_the_next():
    first = await opened()
    old = Socket(first.broadcast)
    async with following(first, old):
        await end(first)
        second = await opened()
        new = Socket(second.broadcast)
        async with following(second, new):
            await say(second, "New words.")
            await new.until(lambda: new.texts() == ["New words."])
            await old.until(lambda: old.closed)
            live.publish_room(first.room_id, RoomClosed(first.broadcast))
            await say(second, "More.")
            await new.until(lambda: new.texts() == ["New words.", "More."])
            assert not new.closed


async def test_viewers_of_a_room_that_takes_long_to_finish_go_after_three_seconds_with_all_that_was_written():
    host_lease, socket = await opened(), Socket()
    async with following(host_lease, socket):
        await say(host_lease, "One.")
        began = time.monotonic()
        await database_sync_to_async(close_room)(host_lease.room_id)
        await say_without_publishing(host_lease, "Two.")
        await socket.until(lambda: socket.closed)
        assert time.monotonic() - began > VIEWERS_STAY.total_seconds() - 0.5
        assert socket.texts() == ["One.", "Two."]
    closing = await database_sync_to_async(room_session_of)(host_lease)
    assert (closing.session.state, closing.closed_to_viewers_at is None) == ("closing", False)


async def test_unfinished_words_and_delays_of_a_broadcast_that_still_finishes_are_not_shown_in_the_next():
    host_lease, socket = await opened(), Socket()
    async with following(host_lease, socket):
        live.publish_room(
            host_lease.room_id,
            Partial("en", 1, 0, "of an older broadcast", 0, broadcast=host_lease.broadcast + 1),
        )
        live.publish_room(
            host_lease.room_id, Delays(transcription_s=180.0, broadcast=host_lease.broadcast + 1)
        )
        live.publish_room(
            host_lease.room_id, Partial("en", 1, 0, "of this one", 0, broadcast=host_lease.broadcast)
        )
        await socket.until(lambda: socket.chunks[-1]["incomplete_sentence"] == "of this one")
        assert all(chunk["incomplete_sentence"] in ("", "of this one") for chunk in socket.chunks)
        assert all(chunk["transcription_delay"] == 0 for chunk in socket.chunks)


async def test_viewers_stay_when_the_host_opens_the_room_again_while_they_wait_for_its_last_sentences():
    first, socket = await opened(), Socket()
    async with following(first, socket):
        await database_sync_to_async(close_room)(first.room_id)
        second = await opened()
        assert second.broadcast == first.broadcast
        await Session.objects.filter(pk=first.session_id).aupdate(closing_at=timezone.now() - VIEWERS_STAY)
        await database_sync_to_async(close_to_viewers)(first.room_id)
        await say(second, "Go on.")
        await socket.until(lambda: socket.texts() == ["Go on."])
        assert not socket.closed


async def test_ready_engine_is_reported_though_its_hint_was_lost():
    host_lease, socket = await opened(), Socket()
    async with following(host_lease, socket):
        await RoomState.objects.filter(pk=host_lease.room_id).aupdate(ready=True)
        await socket.until(lambda: any(isinstance(event, EngineReady) for event, _ in socket.controls))


async def test_socket_that_cannot_be_written_does_not_stop_the_others():
    host_lease, socket, broken = await opened(), Socket(), Socket()

    async def fail(chunk):
        if json.loads(chunk)["incomplete_sentence"]:
            raise ConnectionError

    broken.member = Member(fail, lambda event: None, 1)
    async with following(host_lease, broken, socket):
        live.publish_room(host_lease.room_id, Partial("en", 1, 0, "half a", 0))
        await socket.until(lambda: socket.chunks[-1]["incomplete_sentence"] == "half a")


async def test_feed_ends_with_its_last_member_and_begins_anew_with_the_next():
    host_lease, one, two, three = await opened(), Socket(), Socket(), Socket()
    first = await follow(host_lease.room_id, one.member)
    assert await follow(host_lease.room_id, two.member) is first
    await unfollow(first, one.member)
    leaving, coming = (
        asyncio.create_task(unfollow(first, two.member)),
        asyncio.create_task(follow(host_lease.room_id, three.member)),
    )
    await leaving
    second = await coming
    assert second is not first
    await say(host_lease, "One.")
    await three.until(lambda: three.texts() == ["One."])
    await unfollow(second, three.member)
    assert len(one.chunks) == 1


async def test_settings_decide_how_many_sentences_a_chunk_has():
    host_lease, socket = await opened(), Socket()
    newest = settings.ENV.newest_sentences
    await say(host_lease, *(f"{number}." for number in range(newest + 5)))
    async with following(host_lease, socket):
        assert socket.texts() == [f"{number}." for number in range(5, newest + 5)]
