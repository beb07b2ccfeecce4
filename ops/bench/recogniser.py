"""A talk through the whole stack, measured like the recogniser alone: by what two viewers could read, and when.

One reads the native captions, where words are final one by one, the other the conference's chunks, where sentences are.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from asr.audio.recorder import Blob
from gateways.conference.client.viewer import Caption, Key
from ops.bench.end_to_end import ROOM, CpuMeter
from ops.demonstration import stream_talk
from ops.faults.stack import Stack
from ops.measure.score import FinalPiece, Row, RunFacts, Seen, score
from ops.measure.talk import Talk as Reference

MEGABYTE = 2**20
FRAME_S = 1 / 60  # a screen shows what came within one at once

Place = tuple[int, int]  # part, index


class CaptionsReader:
    """A viewer of the native wire: confirmed words are final in `words`, stored text alone is in `stored`."""

    def __init__(self, lang: str) -> None:
        self.words: list[Seen] = []
        self.stored: list[Seen] = []
        self._lang = lang
        self._sentences: dict[Place, str] = {}
        self._unfinished: Mapping[str, Any] | None = None

    def take(self, at_s: float, message: Mapping[str, Any]) -> None:
        """One message, at a time since the audio began."""
        kind = message["type"]
        if kind not in ("sentence", "removed", "partial") or message["lang"] != self._lang:
            return
        place = message["part"], message["index"]
        if kind == "partial":
            is_in = bool(self._sentences) and place <= max(self._sentences)
            self._unfinished = None if is_in else message
        else:
            self._sentences[place] = message.get("text", "")
            if self._unfinished and (self._unfinished["part"], self._unfinished["index"]) <= place:
                self._unfinished = None
        stored = " ".join(self._sentences[key] for key in sorted(self._sentences))
        now: Mapping[str, Any] = self._unfinished or {"confirmed": "", "tentative": ""}
        if self.words and at_s - self.words[-1].at_s < FRAME_S:
            at_s = self.words.pop().at_s
            self.stored.pop()
        confirmed = f"{stored} {now['confirmed']}".strip()
        self.words.append(Seen(at_s, confirmed, f"{stored} {now['confirmed']}{now['tentative']}".strip()))
        self.stored.append(Seen(at_s, stored, stored))


class ConferenceReader:
    """A viewer of the conference wire: its sentences are final, its incomplete sentence is tentative."""

    def __init__(self, lang: str) -> None:
        self.seen: list[Seen] = []
        self._lang = lang
        self._sentences: dict[Key, str] = {}
        self._incomplete = ""

    def on_caption(self, at_s: float, caption: Caption) -> None:
        """Record what is new; what one chunk brought came at one time, and is read at once."""
        if caption.key is None:
            self._incomplete = caption.text
        elif caption.lang == self._lang:
            self._sentences[caption.key] = caption.text
        else:
            return
        if self.seen and self.seen[-1].at_s == at_s:
            self.seen.pop()
        final = " ".join(self._sentences[key] for key in sorted(self._sentences))
        self.seen.append(Seen(at_s, final, f"{final} {self._incomplete}".strip()))


async def measure_through_stack(stack: Stack, talk: Reference, blobs: Sequence[Blob]) -> list[Row]:
    """Stream the talk in real time, read along, and close the room; CPU is that of every process of the stack.

    The row of the native captions, then that of the conference wire.
    """
    captions, conference = CaptionsReader(talk.language), ConferenceReader(talk.language)
    cpu = CpuMeter(stack)
    began = asyncio.get_running_loop().create_future()

    async def begin() -> None:
        cpu.start()
        await connected.wait()
        began.set_result(time.monotonic())

    options = stack.host_options(ROOM, lang=talk.language, target=talk.language)
    url = f"ws://127.0.0.1:{stack.port}/captions/{ROOM}?lang={talk.language}"
    async with _reading(url, captions, began) as connected:
        observed = await stream_talk(
            options, blobs, show=conference.on_caption, target=talk.language, before=begin
        )
    streamed_s = observed.ended_s - observed.began_s
    cores = sum(cpu.stop(streamed_s).values())
    memory_bytes = sum(process.memory_info().rss for process in stack.processes())
    pieces = _stored_pieces(stack)
    await asyncio.to_thread(stack.close_room, ROOM)
    facts = RunFacts(
        policy="whole stack",
        done_s=observed.last_at_s - observed.began_s,
        cpu_s=cores * streamed_s,
        peak_rss_mb=memory_bytes / MEGABYTE,
    )
    by_words = score(talk, captions.words, pieces, facts)
    stored = score(talk, captions.stored, pieces, facts)
    by_sentences = score(talk, conference.seen, pieces, replace(facts, policy="whole stack, conference wire"))
    return [
        replace(by_words, durable_p95_s=stored.commit_p95_s),
        replace(by_sentences, durable_p95_s=by_sentences.commit_p95_s),  # there only what is stored is final
    ]


@asynccontextmanager
async def _reading(
    url: str, reader: CaptionsReader, began: asyncio.Future[float]
) -> AsyncIterator[asyncio.Event]:
    """Read the native captions meanwhile; the event: the socket is open. What comes before the audio is nothing of it."""
    connected = asyncio.Event()

    async def read() -> None:
        with contextlib.suppress(ConnectionClosed):
            async with connect(url, compression=None, max_size=2**22) as socket:
                connected.set()
                async for text in socket:
                    if began.done():
                        reader.take(time.monotonic() - began.result(), json.loads(text))

    task = asyncio.create_task(read())
    try:
        yield connected
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _stored_pieces(stack: Stack) -> list[FinalPiece]:
    rows = stack.query(
        "SELECT s.start_ms, s.end_ms, s.text, s.ends FROM transcripts_sentence s "
        "JOIN transcripts_part p ON p.id = s.part_id JOIN transcripts_track t ON t.id = s.track_id "
        "JOIN rooms_room r ON r.id = p.room_id WHERE r.code = %s AND t.lang = p.source_lang "
        "AND p.number = (SELECT max(number) FROM transcripts_part WHERE room_id = r.id) ORDER BY s.index",
        ROOM,
    )
    return [FinalPiece(start, end, text, ends) for start, end, text, ends in rows]
