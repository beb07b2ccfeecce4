"""How a stretch of speech is best cut into cues and their lines: dynamic programming over where it may be broken. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from transcripts.exports.breaks import LINE_COLUMNS, Break, Unit, joined

SHORTEST_MS, LONGEST_MS = 1000, 7000
COLUMNS_PER_S = 20
GAP_MS = 80  # two frames
PAUSE_MS = 1500  # a cue does not bridge it

# Costs have no unit; what they are to each other decides. A cue more costs less than a break within a clause.
_BREAK_COST = {
    Break.SENTENCE: 0.0, Break.CLAUSE: 12.0, Break.WORD: 50.0, Break.CHARACTER: 60.0, Break.FORCED: 400.0,
}  # fmt: skip
_CUE_COST = 14.0
_BRIDGED_SENTENCE_COST = 24.0  # a cue that goes on into the next sentence
_MISSING_TIME_COST = 120.0  # none of the time that reading takes is there
_TOO_LONG_COST = 100.0  # twice as long as a cue may be shown
_TINY_COLUMNS, _TINY_COST = 12, 20.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A unit with the time of its words."""

    unit: Unit
    start_ms: int
    end_ms: int


def reading_ms(columns: int) -> int:
    """How long it takes to read so much."""
    return -(-columns * 1000 // COLUMNS_PER_S)


class Block:
    """A stretch of speech that is cut as one."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        rows = [piece.unit for piece in pieces]
        self._pieces, self._rows = pieces, rows
        self._behind = [0, *accumulate(unit.width + unit.space for unit in rows)]  # columns before each unit
        self._costs = [_BREAK_COST[unit.break_behind] for unit in rows]
        self._sentences = [0, *accumulate(unit.break_behind == Break.SENTENCE for unit in rows)]

    def cut(self) -> list[tuple[int, int]]:
        """The cheapest cues: begin and end of each, in pieces."""
        best: list[tuple[float, int]] = [(0.0, 0)]  # by end: the cost so far, and where the last cue begins
        for end in range(1, len(self._pieces) + 1):
            best.append(self._best_last(end, best))
        found, end = [], len(self._pieces)
        while end:
            found.append((best[end][1], end))
            end = best[end][1]
        return found[::-1]

    def lines(self, begin: int, end: int) -> tuple[str, ...]:
        """One line, or two where it does not fit in one."""
        _, middle = self._lines(begin, end)
        if middle is None:
            return (joined(self._rows[begin:end]),)
        return joined(self._rows[begin:middle]), joined(self._rows[middle:end])

    def _best_last(self, end: int, best: Sequence[tuple[float, int]]) -> tuple[float, int]:
        """The cheapest cue that ends at `end`, what is before it included, and where it begins."""
        least, where = math.inf, end - 1
        for begin in range(end - 1, -1, -1):
            if self._columns(begin, end) > 2 * LINE_COLUMNS + 1:
                break
            cost = best[begin][0] + self._cost(begin, end)
            if cost < least:  # only then is it worth looking for a line break
                cost += self._lines(begin, end)[0]
                if cost < least:
                    least, where = cost, begin
        return least, where

    def _cost(self, begin: int, end: int) -> float:
        start_ms, stop_ms = self._pieces[begin].start_ms, self._pieces[end - 1].end_ms
        is_last = end == len(self._pieces)
        given_ms = (stop_ms + PAUSE_MS if is_last else self._pieces[end].start_ms - GAP_MS) - start_ms
        columns = self._columns(begin, end)
        needed_ms = max(SHORTEST_MS, reading_ms(columns))
        bridged = self._sentences[end - 1] - self._sentences[begin]
        cost = _CUE_COST + self._costs[end - 1] + _BRIDGED_SENTENCE_COST * bridged
        if given_ms < needed_ms:
            cost += _MISSING_TIME_COST * (needed_ms - given_ms) / needed_ms
        if stop_ms - start_ms > LONGEST_MS:
            cost += _TOO_LONG_COST * ((stop_ms - start_ms) / LONGEST_MS - 1)
        if columns < _TINY_COLUMNS and self._costs[end - 1]:
            cost += _TINY_COST
        return cost

    def _lines(self, begin: int, end: int) -> tuple[float, int | None]:
        """What breaking it into lines costs, and where: both fit, behind a clause rather than a word, about equal.

        Infinite where it does not fit.
        """
        if self._columns(begin, end) <= LINE_COLUMNS:
            return 0.0, None
        behind, rows, until = self._behind, self._rows, self._behind[end] - self._rows[end - 1].space
        best, where = math.inf, None
        for middle in range(end - 1, begin, -1):
            second = until - behind[middle]
            if second > LINE_COLUMNS:
                break
            first = behind[middle] - behind[begin] - rows[middle - 1].space
            if first <= LINE_COLUMNS:
                cost = (self._costs[middle - 1] + abs(first - second)) / 2
                if cost < best:
                    best, where = cost, middle
        return best, where

    def _columns(self, begin: int, end: int) -> int:
        return self._behind[end] - self._behind[begin] - self._rows[end - 1].space
