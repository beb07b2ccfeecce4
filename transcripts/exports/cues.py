"""Sentences → cues of subtitles, by the usual rules. Pure.

At most two lines of 42 columns; one to seven seconds; at most 20 columns a second; never two at once, and a moment
between them. Where speech is faster than that, a cue stays longer than its words were spoken, and those behind it come
later, by at most LAG_MOST_MS; beyond that it is read faster: nothing that was said is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from transcripts.exports.breaks import units, width
from transcripts.exports.cutting import GAP_MS, LONGEST_MS, PAUSE_MS, SHORTEST_MS, Block, Piece, reading_ms

LAG_MOST_MS = 3000
BLOCK_MOST_UNITS = 120


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentence with its time; `voice`: who said it, "" unknown."""

    start_ms: int
    end_ms: int
    text: str
    voice: str = ""


@dataclass(frozen=True, slots=True)
class Cue:
    """One or two lines, and when they are shown."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    voice: str = ""


def cues(sentences: Iterable[Spoken]) -> Iterator[Cue]:
    """The cues of these sentences, which come in reading order; only a few sentences are held at a time."""
    waiting: Cue | None = None
    shown_until = -GAP_MS
    for planned in _planned(sentences):
        if waiting is not None:
            cue = _timed(waiting, shown_until, planned.start_ms)
            shown_until = cue.end_ms
            yield cue
        waiting = planned
    if waiting is not None:
        yield _timed(waiting, shown_until, None)


def _timed(cue: Cue, shown_until: int, next_ms: int | None) -> Cue:
    """The cue at the time at which it can be read: behind the one before, and long enough."""
    start = max(cue.start_ms, shown_until + GAP_MS, 0)
    shortest = max(SHORTEST_MS, reading_ms(sum(map(width, cue.lines)) + len(cue.lines) - 1))
    end = max(cue.end_ms, start + shortest)
    if next_ms is not None:
        latest = next_ms - GAP_MS + LAG_MOST_MS
        end = min(end, max(start + SHORTEST_MS, latest))
        if end - start > shortest:  # nobody waits for a cue that has been read
            end = max(start + shortest, min(end, next_ms - GAP_MS))
    return Cue(start, min(end, start + LONGEST_MS), cue.lines, cue.voice)


def _planned(sentences: Iterable[Spoken]) -> Iterator[Cue]:
    """Cues with the times of their words."""
    for voice, pieces in _blocks(sentences):
        block = Block(pieces)
        for begin, end in block.cut():
            yield Cue(pieces[begin].start_ms, pieces[end - 1].end_ms, block.lines(begin, end), voice)


def _blocks(sentences: Iterable[Spoken]) -> Iterator[tuple[str, list[Piece]]]:
    """Stretches that are cut into cues as one: sentences of one voice without a pause, of a bounded length."""
    block: list[Piece] = []
    voice, spoken_until = "", 0
    for sentence in sentences:
        start = max(sentence.start_ms, spoken_until)
        pieces = _pieces(sentence, start)
        if not pieces:
            continue
        if block and (
            start - spoken_until > PAUSE_MS or sentence.voice != voice or len(block) >= BLOCK_MOST_UNITS
        ):
            yield voice, block
            block = []
        voice, spoken_until = sentence.voice, pieces[-1].end_ms
        block += pieces
    if block:
        yield voice, block


def _pieces(sentence: Spoken, start_ms: int) -> list[Piece]:
    found = units(sentence.text)
    duration_ms = max(0, sentence.end_ms - start_ms)
    behind = list(accumulate(unit.width + unit.space for unit in found))
    times = [start_ms + duration_ms * columns // max(behind[-1], 1) for columns in behind] if found else []
    return [
        Piece(unit, start, end) for unit, start, end in zip(found, [start_ms, *times], times, strict=False)
    ]
