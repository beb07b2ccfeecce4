"""Bare streams on a stack of its own, as gateways open them: as many as it takes, each a talk in real time."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from asr.audio.samples import SAMPLES_PER_MS
from asr.models import Session
from asr.stream_options import StreamOptions
from gateways.common.speech import SpeechSession
from ops.faults.stack import BASE_DIR, Stack
from ops.measure.score import Row, RunFacts, Seen, score
from ops.measure.talk import Talk
from rooms.errors import NoCapacity

BLOB_MS = 100
MOST_STREAMS = 64
READY_WITHIN_S = 30
MEGABYTE = 2**20


@dataclass(frozen=True, slots=True)
class Streams:
    """A row for each stream (whose CPU is not known: their processes end with them), and how one more was refused."""

    rows: list[Row]
    refused: str


def measure_streams(stack: Stack, talk: Talk, client: list[str]) -> Streams:
    """Run `client` (which calls `run_client`) in the stack's environment, and score what each stream was sent."""
    done = subprocess.run(
        [sys.executable, "manage.py", *client],
        cwd=BASE_DIR, env=stack.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    memory_bytes = sum(process.memory_info().rss for process in stack.processes())
    found = json.loads(done.stdout.splitlines()[-1])
    rows = []
    for number, entries in enumerate(found["streams"], 1):
        seen = seen_of(entries)
        at_s = seen[-1].at_s if seen else 0.0
        facts = RunFacts(f"stream {number}", at_s, math.nan, memory_bytes / MEGABYTE)
        rows.append(score(talk, seen, (), facts))
    return Streams(rows, found["refused"])


def seen_of(entries: Iterable[tuple[float, str, str]]) -> list[Seen]:
    """What a reader has before the eyes after each entry: (when, words that are new and final, what stands behind them)."""
    seen: list[Seen] = []
    final = ""
    for at_s, words, hypothesis in entries:
        final += words
        seen.append(Seen(at_s, final.strip(), f"{final}{hypothesis}".strip()))
    return seen


async def run_client(talk: Talk, options: StreamOptions) -> dict[str, Any]:
    """Open streams until one is refused, speak in all of them; JSON for `measure_streams`."""
    sessions: list[SpeechSession] = []
    refused = ""
    while not refused and len(sessions) < MOST_STREAMS:
        try:
            opened = SpeechSession.open(kind=Session.Kind.STREAM, source_lang=talk.language, options=options)
            sessions.append(await opened)
        except NoCapacity as error:
            refused = error.code
    try:
        for session in sessions:
            await _ready(session)
        streams = await asyncio.gather(*(_speak(session, talk) for session in sessions))
    finally:
        for session in sessions:
            await session.close()
            await session.slot_free.wait()
    return {"streams": streams, "refused": refused}


async def _ready(session: SpeechSession) -> None:
    """Its process has its model: the delay of words is measured, not that of the start."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        row = await Session.objects.aget(pk=session.session_id)
        if row.state == Session.State.LIVE:
            return
        await asyncio.sleep(0.1)
    raise TimeoutError("no process took the stream")


async def _speak(session: SpeechSession, talk: Talk) -> list[tuple[float, str, str]]:
    entries: list[tuple[float, str, str]] = []
    began_s = time.monotonic()
    feeding = asyncio.create_task(_feed(session, talk, began_s))
    hypothesis = ""
    async for text in session.texts():
        said = "".join(row[2] for row in text.data.get("words", ()))
        if text.kind == "words":
            hypothesis = ""  # replaced by the next one, if there is one
        elif text.kind == "hypothesis":
            hypothesis = said
        else:
            continue
        entries.append((time.monotonic() - began_s, said if text.kind == "words" else "", hypothesis))
    await feeding
    return entries


async def _feed(session: SpeechSession, talk: Talk, began_s: float) -> None:
    pcm = (np.clip(talk.samples, -1, 1) * 32767).astype("<i2").tobytes()
    step = 2 * BLOB_MS * SAMPLES_PER_MS
    for number, at in enumerate(range(0, len(pcm), step), 1):
        await asyncio.sleep(max(0.0, began_s + number * BLOB_MS / 1000 - time.monotonic()))
        session.feed(pcm[at : at + step])
    session.finish()
