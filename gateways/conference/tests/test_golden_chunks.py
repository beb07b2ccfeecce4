"""What a viewer of the conference wire reads in a talk, byte for byte: golden/chunks.jsonl, a chunk a line."""

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from channels.db import database_sync_to_async
from django.db import connections

from asr.redis_clients import close_async_clients
from asr.rooms.ending import close_room
from asr.rooms.services import restart_session
from asr.sessions import finish_session
from asr.tests.make import TERMS, join, room_session_of, session_of
from gateways.conference.feed import Member, follow, unfollow
from transcripts import live
from transcripts.events import Delays, Partial, RoomClosed
from transcripts.models import Sentence
from transcripts.services import NewSentence, Translation, add_sentences, add_translations, correct_sentence

pytestmark = pytest.mark.django_db(transaction=True)
GOLDEN = Path(__file__).parent / "golden" / "chunks.jsonl"
WITHIN_S = 60
ODD = 'He said: "solder – für alle", \\ </script> \u2028 \t 🙂'


@pytest.fixture(autouse=True)
async def _connections_of_threads_are_closed():
    yield
    await close_async_clients()
    await database_sync_to_async(connections.close_all)()


class Viewer:
    """Keeps the text of every chunk as it came."""

    def __init__(self, broadcast):
        self.chunks = []
        self.closed = False
        self._came = asyncio.Event()
        self.member = Member(self._send, self._control, broadcast)

    async def _send(self, chunk):
        self.chunks.append(chunk)
        self._came.set()

    def _control(self, event):
        self.closed |= isinstance(event, RoomClosed)
        self._came.set()

    async def until(self, holds):
        async with asyncio.timeout(WITHIN_S):
            while not holds():
                self._came.clear()
                await self._came.wait()

    async def reads(self, chunk):
        """The chunk comes, sooner or later, exactly so."""
        with suppress(TimeoutError):
            await self.until(lambda: self.chunks[-1] == chunk)
        assert self.chunks[-1] == chunk


class Talk:
    """A host lease, and what is said and translated there."""

    def __init__(self, **terms):
        self.host_lease = join("A", terms=replace(TERMS, **terms))

    @property
    def part(self):
        return room_session_of(self.host_lease).part

    def say(self, *texts, start_ms=0, new_line=False):
        rows = [
            NewSentence(start_ms + 2000 * n, start_ms + 2000 * n + 1900, text, new_line=new_line and n == 0)
            for n, text in enumerate(texts)
        ]
        add_sentences(part=self.part, sentences=rows)

    def partial(self, text, index):
        part = self.part
        live.publish_room(
            part.room_id, Partial(part.source_lang, part.number, 0, text, index, part.broadcast)
        )

    def delays(self, transcription_s, translation_s):
        live.publish_room(self.part.room_id, Delays(transcription_s, translation_s, self.part.broadcast))

    def translate(self, lang, *texts):
        rows = Sentence.objects.filter(part=self.part, of_version=None).order_by("index")
        add_translations(
            part=self.part,
            lang=lang,
            translations=[
                Translation(row.index, text, row.version) for row, text in zip(rows, texts, strict=False)
            ],
        )

    def correct(self, index, text, lang="en"):
        correct_sentence(
            sentence=Sentence.objects.get(part=self.part, index=index, track__lang=lang), text=text
        )

    def restart(self):
        new_id = restart_session(room_id=self.host_lease.room_id, connection_id=self.host_lease.connection_id)
        self.host_lease = replace(self.host_lease, session_id=new_id)

    def change_language(self, lang):
        terms = replace(TERMS, source_lang=lang)
        self.host_lease = join("A", terms=terms, connection_id=self.host_lease.connection_id)

    def end(self):
        close_room(self.host_lease.room_id)
        finish_session(session_of(self.host_lease))


STEPS = [
    lambda talk: talk.partial("Good", 0),
    lambda talk: talk.say("Good evening."),
    lambda talk: talk.partial("He said", 1),
    lambda talk: talk.translate("pt", "Boa noite."),
    lambda talk: talk.say(ODD, start_ms=2100),
    lambda talk: talk.delays(0.9, 0.4),
    lambda talk: talk.translate("de", "Guten Abend.", "Er sagte: „löten“."),
    lambda talk: talk.correct(0, "Good morning."),
    lambda talk: talk.translate("de", "Guten Morgen."),
    lambda talk: talk.correct(0, "Schönen guten Morgen.", lang="de"),
    lambda talk: talk.say("Behind a pause.", start_ms=61_000, new_line=True),
    lambda talk: (talk.restart(), talk.say("After a restart.")),
    lambda talk: talk.partial("And then", 1),
    lambda talk: (talk.change_language("de"), talk.say("Und nun auf Deutsch.")),
    lambda talk: talk.translate("en", "And now in German."),
    lambda talk: talk.say(*(f"Satz {number}." for number in range(20)), start_ms=2000),
    lambda talk: talk.delays(0.5, 0.0),
    lambda talk: talk.end(),
]


async def test_every_chunk_of_a_talk_is_the_golden_one_and_who_comes_late_reads_the_same():
    golden = GOLDEN.read_text("utf-8").split("\n")[:-1]
    assert len(golden) == len(STEPS)
    run = database_sync_to_async
    talk = await run(Talk)()
    viewer = Viewer(talk.host_lease.broadcast)
    feed = await follow(talk.host_lease.room_id, viewer.member)
    try:
        assert [json.loads(chunk)["last_n_sents"] for chunk in viewer.chunks] == [[]]
        for step, expected in zip(STEPS, golden, strict=True):
            late = Viewer(talk.host_lease.broadcast)
            await run(step)(talk)
            await viewer.reads(expected)
            await follow(talk.host_lease.room_id, late.member)
            await unfollow(feed, late.member)
            assert late.chunks[-1] == expected
        await viewer.until(lambda: viewer.closed)
    finally:
        await unfollow(feed, viewer.member)
    assert all(before != after for before, after in zip(viewer.chunks, viewer.chunks[1:], strict=False))
