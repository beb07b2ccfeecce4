"""A talk through the whole stack, measured like the recogniser alone: by what a viewer could read, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from asr.audio.recorder import Blob
from gateways.conference.client.viewer import Caption, Key
from ops.bench.end_to_end import ROOM, CpuMeter
from ops.demonstration import stream_talk
from ops.faults.stack import Stack
from ops.measure.score import FinalPiece, Row, RunFacts, Seen, score
from ops.measure.talk import Talk as Reference

MEGABYTE = 2**20


class Reader:
    """A viewer of the conference wire: its sentences are final, its incomplete sentence is tentative."""

    def __init__(self, lang: str) -> None:
        self.seen: list[Seen] = []
        self._lang = lang
        self._sentences: dict[Key, str] = {}
        self._incomplete = ""

    def on_caption(self, at_s: float, caption: Caption) -> None:
        """Record what is new; a new sentence replaces the incomplete one."""
        if caption.key is None:
            self._incomplete = caption.text
        elif caption.lang == self._lang:
            self._sentences[caption.key] = caption.text
            self._incomplete = ""
        else:
            return
        final = " ".join(self._sentences[key] for key in sorted(self._sentences))
        self.seen.append(Seen(at_s, final, f"{final} {self._incomplete}".strip()))


async def measure_through_stack(stack: Stack, talk: Reference, blobs: Sequence[Blob]) -> Row:
    """Stream the talk in real time, read along, and close the room; CPU is that of every process of the stack."""
    reader = Reader(talk.language)
    cpu = CpuMeter(stack)

    async def begin() -> None:
        cpu.start()

    options = stack.host_options(ROOM, lang=talk.language, target=talk.language)
    observed = await stream_talk(options, blobs, show=reader.on_caption, target=talk.language, before=begin)
    streamed_s = observed.ended_s - observed.began_s
    cores = sum(cpu.stop(streamed_s).values())
    memory_bytes = sum(process.memory_info().rss for process in stack.processes())
    rows = stack.query(
        "SELECT s.start_ms, s.end_ms, s.text, s.ends FROM transcripts_sentence s "
        "JOIN transcripts_part p ON p.id = s.part_id JOIN transcripts_track t ON t.id = s.track_id "
        "JOIN rooms_room r ON r.id = p.room_id WHERE r.code = %s AND t.lang = p.source_lang "
        "AND p.number = (SELECT max(number) FROM transcripts_part WHERE room_id = r.id) ORDER BY s.index",
        ROOM,
    )
    await asyncio.to_thread(stack.close_room, ROOM)
    facts = RunFacts(
        policy="whole stack",
        done_s=observed.last_at_s - observed.began_s,
        cpu_s=cores * streamed_s,
        peak_rss_mb=memory_bytes / MEGABYTE,
    )
    pieces = [FinalPiece(start, end, text, ends) for start, end, text, ends in rows]
    row = score(talk, reader.seen, pieces, facts)
    return replace(row, durable_p95_s=row.commit_p95_s)  # there only what is stored is final
