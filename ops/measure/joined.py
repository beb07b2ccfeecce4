"""Several readers in one talk: each is cut into turns at silences, and the turns follow each other with pauses between them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from asr.audio.samples import SAMPLES_PER_MS, Samples

from .pauses import gaps
from .talk import ReferenceWord, Talk

FRAME_SAMPLES = 512
QUIET_PERCENTILE = 5
PAUSE_MS = (300, 5000)
TURN_MS = (1000, 30_000)
LONGEST_HALF_MS = 150


@dataclass(frozen=True)
class Turn:
    """A stretch of one reader, with silence at both ends; words are timed from its beginning, `room_level` is how loud its silence is."""

    reader: str
    samples: Samples
    words: tuple[ReferenceWord, ...]
    room_level: float


def turns(talk: Talk, random: np.random.Generator, turn_ms: tuple[int, int] = TURN_MS) -> list[Turn]:
    """The talk in turns of these lengths, short ones as likely as long ones (by the logarithm); no word is cut. It needs word times."""
    result: list[Turn] = []
    ends, start_ms, length_ms = gaps(talk.samples), 0, round(talk.seconds * 1000)
    room_level = _room_level(talk.samples)
    while start_ms < length_ms:
        least_ms = start_ms + _drawn(turn_ms, random)
        end_ms = next((at_ms for at_ms in ends if at_ms >= least_ms), length_ms)
        result.append(_turn(talk, start_ms, end_ms, room_level))
        start_ms = end_ms
    return [turn for turn in result if turn.words]


def joined(
    talks: Sequence[Talk],
    seed: int,
    seconds: float,
    turn_ms: tuple[int, int] = TURN_MS,
    pause_ms: tuple[int, int] = PAUSE_MS,
) -> Talk:
    """Turns of the talks' readers, who take turns at random, with pauses between them, until it is about so long.

    The pauses sound like the silence of who spoke before them; they are the talk's `nonspeech_ms`.
    """
    random = np.random.default_rng(seed)
    waiting = [turns(talk, random, turn_ms) for talk in talks]
    pieces, words, pauses, reader, at_ms = (
        list[Samples](),
        list[ReferenceWord](),
        list[tuple[int, int]](),
        -1,
        0,
    )
    while any(waiting) and at_ms < seconds * 1000:
        reader = _next_reader(waiting, reader, random)
        turn = waiting[reader].pop(0)
        words += [_moved(word, at_ms) for word in turn.words]
        at_ms += len(turn.samples) // SAMPLES_PER_MS
        silent_ms = _drawn(pause_ms, random)
        pause = random.normal(0, turn.room_level, silent_ms * SAMPLES_PER_MS).astype(np.float32)
        pieces += [turn.samples, pause]
        pauses.append((at_ms, at_ms + silent_ms))
        at_ms += silent_ms
    reference = " ".join(word.text for word in words)
    name = "+".join(talk.name for talk in talks)
    return Talk(
        f"{name}~{seed}", talks[0].language, np.concatenate(pieces), reference, tuple(words), tuple(pauses)
    )


def _turn(talk: Talk, start_ms: int, end_ms: int, room_level: float) -> Turn:
    """Whole milliseconds of the talk; a word that seems to begin in the silence before a turn begins with the turn."""
    samples = talk.samples[start_ms * SAMPLES_PER_MS : end_ms * SAMPLES_PER_MS]
    samples = samples[: len(samples) // SAMPLES_PER_MS * SAMPLES_PER_MS]
    own = [word for word in talk.words if start_ms <= _heart_ms(word) < end_ms]
    words = tuple(_moved(replace(word, start_ms=max(start_ms, word.start_ms)), -start_ms) for word in own)
    return Turn(talk.name, samples, words, room_level)


def _heart_ms(word: ReferenceWord) -> int:
    """Where a word certainly is: aligners stretch a first word back over the pause before it."""
    return max((word.start_ms + word.end_ms) // 2, word.end_ms - LONGEST_HALF_MS)


def _room_level(samples: Samples) -> float:
    """How loud a recording is where it is quiet."""
    frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return float(np.percentile(frames.std(axis=1), QUIET_PERCENTILE))


def _next_reader(waiting: Sequence[Sequence[Turn]], before: int, random: np.random.Generator) -> int:
    """Anybody with something left to say; nobody twice in a row while there is another."""
    left = [index for index, turns_left in enumerate(waiting) if turns_left]
    others = [index for index in left if index != before]
    return int(random.choice(others or left))


def _drawn(limits_ms: tuple[int, int], random: np.random.Generator) -> int:
    return round(float(np.exp(random.uniform(*np.log(limits_ms)))))


def _moved(word: ReferenceWord, by_ms: int) -> ReferenceWord:
    return replace(word, start_ms=word.start_ms + by_ms, end_ms=word.end_ms + by_ms)
