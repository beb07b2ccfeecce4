"""Many clients of the wires without a room at once: with scripted words, who waits for whom; with real ones, how late words are."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import requests

from ops.bench.end_to_end import quantile
from ops.faults.speech import WORD_MS, scripted_words
from ops.faults.stack import HOST_PASSWORD, Stack
from ops.measure.score import RunFacts, Seen, score
from ops.measure.talk import Talk
from ops.wire_clients import WIRES, Notes, Place, noise

SPEAKERS = 3  # of a meeting
STREAMS, MEETINGS = 20, 10
REFUSED_WITHIN_S = 60.0
WARM_UP_S = 10.0
SPREAD_S = 1.0  # clients come one after the other


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One kind of client under one load: from the sending of a word's last sample until it was first shown.

    Words of the first WARM_UP_S do not count: sessions are started then, which `first_s` tells (95 of 100 had their first word by then).
    """

    load: str
    wire: str
    speakers: int
    words: int
    missing: int
    first_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    ended: str


@dataclass(frozen=True, slots=True)
class WordsRow:
    """As many real streams of one wire as there are slots; of the streams' own figures the middle and the worst."""

    wire: str
    streams: int
    commit_p50_s: float
    commit_p50_worst_s: float
    commit_p95_s: float
    seen_p50_s: float
    wer: float
    rewritten: int
    one_more: str
    ended: str


def wires_environment(speech_ports: tuple[int, int], lang: str = "en") -> dict[str, str]:
    """Of a stack on which every wire is served, without voices."""
    return {
        "SPEECH_PORTS": f"{speech_ports[0]}:current {speech_ports[1]}:older", "SPEECH_LANG": lang, "SPEECH_ENGINES": "none",
        "BYPASS_AUTHORIZATION": "1", "BYPASS_AUTHORIZATION_OUTSIDE_DEBUG": "1",
    }  # fmt: skip


def place_of(stack: Stack, lang: str, speech_ports: tuple[int, int]) -> Place:
    """Signed in as a host."""
    answer = requests.post(f"{stack.url}/login", json={"password": HOST_PASSWORD, "role": "host"}, timeout=30)
    return Place(stack.port, speech_ports, answer.json()["key"], lang)


def slots_of(stack: Stack) -> int:
    """How many sessions there may be at once."""
    return int(requests.get(f"{stack.url}/room_list", timeout=30).json()["max_active_rooms"])


# --- scripted words
async def measure_queueing(place: Place, *, seconds: float, stalled: bool) -> list[QueueRow]:
    """STREAMS over gRPC and MEETINGS at once; `stalled`: two clients more, who read nothing."""
    sound = noise(seconds)
    others = []
    if stalled:
        others = [WIRES[name](place, 99).run([sound] * speakers, stalls=True) for name, speakers in (("grpc", 1), ("meetings", SPEAKERS))]  # fmt: skip
    count = STREAMS - stalled  # its server takes no more
    streams = [_after(number, WIRES["grpc"](place, number).run([sound])) for number in range(count)]
    meetings = [
        _after(number, WIRES["meetings"](place, number).run([sound] * SPEAKERS)) for number in range(MEETINGS)
    ]
    beside = [asyncio.create_task(other) for other in others]
    found = await asyncio.gather(*streams, *meetings)
    await asyncio.gather(*beside)
    load = f"{STREAMS} streams, {MEETINGS} meetings" + (", two that do not read" if stalled else "")
    return [
        queue_row(load, "grpc", [notes for each in found[:count] for notes in each]),
        queue_row(load, "meetings", [notes for each in found[count:] for notes in each]),
    ]


async def _after(number: int, client: asyncio.Future[list[Notes]] | object) -> list[Notes]:
    await asyncio.sleep(SPREAD_S * number / STREAMS)
    return await client  # type: ignore[misc,no-any-return]


def queue_row(load: str, wire: str, notes: Sequence[Notes]) -> QueueRow:
    """What all of them waited."""
    waits = [word_waits_ms(each) for each in notes]
    waits_ms = [wait for each in waits for slot, wait in each.items() if slot * WORD_MS >= WARM_UP_S * 1000]
    expected = sum(int(len(each.sent_s) * each.chunk_s * 1000) // WORD_MS for each in notes)
    words = sum(map(len, waits))
    first_s = quantile([each.seen[0].at_s for each in notes if each.seen], 0.95)
    ended = sorted({each.refused or each.ended for each in notes} - {""})
    return QueueRow(
        load, wire, len(notes), words, expected - words, first_s, quantile(waits_ms, 0.50),
        quantile(waits_ms, 0.95), quantile(waits_ms, 0.99), "; ".join(ended),
    )  # fmt: skip


def word_waits_ms(notes: Notes) -> dict[int, float]:
    """By a scripted word's number: from its last sample's sending to its first showing."""
    found: dict[int, float] = {}
    for moment in notes.seen:
        for slot in scripted_words(moment.shown):
            chunk = math.ceil(round((slot + 1) * WORD_MS / 1000 / notes.chunk_s, 3)) - 1
            if slot not in found and chunk < len(notes.sent_s):
                found[slot] = (notes.sent_s[0] + moment.at_s - notes.sent_s[chunk]) * 1000
    return found


# --- real words
async def measure_words(place: Place, wire: str, talk: Talk, streams: int) -> WordsRow:
    """All hear the same talk, at a distance of half a second; when all are heard, one more comes."""
    sound = pcm_of(talk)
    clients = [
        asyncio.create_task(_at(number / 2, WIRES[wire](place, number).run([sound])))
        for number in range(streams)
    ]
    await asyncio.sleep(min(talk.seconds / 2, streams / 2 + 10))
    one_more = await _refusal(place, wire)
    notes = [each for client in clients for each in await client]
    rows = [score(talk, since_speech(each), [], RunFacts(wire, 0.0, 0.0, 0.0)) for each in notes if each.seen]
    ended = sorted({each.refused or each.ended for each in notes} - {""})
    return WordsRow(
        wire, len(rows), _middle([row.commit_p50_s for row in rows]),
        max((row.commit_p50_s for row in rows), default=float("nan")), _middle([row.commit_p95_s for row in rows]),
        _middle([row.seen_p50_s for row in rows]), _middle([row.wer for row in rows]),
        sum(row.final_rewrites for row in rows), one_more, "; ".join(ended),
    )  # fmt: skip


async def _at(delay_s: float, client: object) -> list[Notes]:
    await asyncio.sleep(delay_s)
    return await client  # type: ignore[misc,no-any-return]


async def _refusal(place: Place, wire: str) -> str:
    """How one client too many is told, and how soon."""
    began_s = time.monotonic()
    (notes,) = await WIRES[wire](place, 999).run([noise(4.0)])
    how = notes.refused or notes.ended
    return f"{how} ({time.monotonic() - began_s:.1f} s)" if how else "not refused"


def since_speech(notes: Notes) -> list[Seen]:
    """Times since the first sample was spoken: a chunk is sent when it has been."""
    return [Seen(moment.at_s + notes.chunk_s, moment.final, moment.shown) for moment in notes.seen]


def pcm_of(talk: Talk) -> bytes:
    """As clients send it."""
    return np.clip(np.rint(talk.samples * 32767), -32768, 32767).astype("<i2").tobytes()


def _middle(values: Sequence[float]) -> float:
    return quantile(values, 0.5)
