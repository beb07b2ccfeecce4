"""Talks with pauses put into them: turns of some seconds, as people speak who think, wait or ask.

No word is cut and none is moved against another in a turn, so the reference stays the text that it was.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from asr.audio.samples import SAMPLES_PER_MS, Samples
from asr.audio.vad import WINDOW_MS, WINDOW_SAMPLES, SileroVad

from .talk import ReferenceWord, Talk

PAUSE_MS = (300, 3000)
TURN_MS = (1000, 10_000)
SHORTEST_GAP_MS = 96  # a pause goes only where so much silence is already
SILENCE = 0.3  # the VAD's probability of speech below which a window counts as silent


def with_pauses(talk: Talk, seed: int) -> Talk:
    """The talk in turns of 1 to 10 s, with 0.3 to 3 s of the room's own noise between them."""
    random = np.random.default_rng(seed)
    pauses = [(at_ms, int(random.integers(*PAUSE_MS))) for at_ms in _turn_ends(gaps(talk.samples), random)]
    pieces: list[Samples] = []
    before_ms = 0
    for at_ms, pause_ms in pauses:
        pieces.append(talk.samples[before_ms * SAMPLES_PER_MS : at_ms * SAMPLES_PER_MS])
        pieces.append(_room(talk.samples, at_ms, pause_ms, random))
        before_ms = at_ms
    pieces.append(talk.samples[before_ms * SAMPLES_PER_MS :])
    words = tuple(_moved(word, pauses) for word in talk.words)
    return replace(
        talk, name=f"{talk.name}~{seed}", samples=np.concatenate(pieces), words=words, nonspeech_ms=()
    )


def gaps(samples: Samples) -> list[int]:
    """Middles (ms) of the stretches without speech inside a recording."""
    count = len(samples) // WINDOW_SAMPLES
    silent = SileroVad()(samples[: count * WINDOW_SAMPLES]) < SILENCE
    edges = np.flatnonzero(np.diff(silent.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    return [
        int(start + end) * WINDOW_MS // 2
        for start, end in edges
        if start > 0 and end < count and (end - start) * WINDOW_MS >= SHORTEST_GAP_MS
    ]


def _turn_ends(gaps_ms: Sequence[int], random: np.random.Generator) -> list[int]:
    """Of the gaps those at which a turn ends: the first behind a length drawn for each turn."""
    ends: list[int] = []
    next_ms = int(random.integers(*TURN_MS))
    for at_ms in gaps_ms:
        if at_ms >= next_ms:
            ends.append(at_ms)
            next_ms = at_ms + int(random.integers(*TURN_MS))
    return ends


def _room(samples: Samples, at_ms: int, length_ms: int, random: np.random.Generator) -> Samples:
    """Noise as loud as the gap around a time."""
    near = samples[(at_ms - WINDOW_MS) * SAMPLES_PER_MS : (at_ms + WINDOW_MS) * SAMPLES_PER_MS]
    return random.normal(0, float(near.std()), length_ms * SAMPLES_PER_MS).astype(np.float32)


def _moved(word: ReferenceWord, pauses: Sequence[tuple[int, int]]) -> ReferenceWord:
    middle_ms = (word.start_ms + word.end_ms) // 2
    by_ms = sum(length for _, length in pauses[: bisect_right([at for at, _ in pauses], middle_ms)])
    return replace(word, start_ms=word.start_ms + by_ms, end_ms=word.end_ms + by_ms)
