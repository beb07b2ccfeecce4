"""What of a rehearsal's talks was captioned, how late, and what each mishap cost. Pure."""

from __future__ import annotations

import itertools
import statistics
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ops.faults.speech import WORD_MS, scripted_words

CAPTIONED_SHARE = 0.95
CAPTIONING_AGAIN_S = 60.0  # longer than this without captions is an intervention
RECORDER_EDGE_MS = 120  # of each recorder's sound the decoder keeps nearly all
COST_WITHIN_S = 60.0  # behind a mishap
PEN_EDGE_MS = 6000  # how exactly anybody knows where in the sound a person began and ended to type


@dataclass(frozen=True, slots=True)
class StoredSentence:
    """A row. `at_s`: when it was written; `offset_ms`: what was heard in earlier parts of its room; `typed`: by a person."""

    part: int
    index: int
    end_ms: int
    text: str
    at_s: float
    offset_ms: int = 0
    typed: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What there is of one talk. Times: seconds since the epoch. `heard`: (when, ms recorded by then); `moments`: of captions at viewers.

    `typed_ms`: stretches of the sound that a person wrote instead.
    """

    code: str
    heard: Sequence[tuple[float, int]]
    recorders: int
    stored: Sequence[StoredSentence]
    arrivals: Mapping[tuple[int, str], Sequence[float]]
    moments: Sequence[float]
    typed_ms: Sequence[tuple[int, int]] = ()
    session_failed: bool = False

    @property
    def recorded_ms(self) -> int:
        """All of it."""
        return self.heard[-1][1] if self.heard else 0

    @property
    def parts(self) -> int:
        """Of its transcript."""
        return len({row.part for row in self.stored}) or 1


@dataclass(frozen=True, slots=True)
class Words:
    """Of one talk: spoken into a page that records, without text, stored twice."""

    spoken: int
    lost: int
    doubled: int


@dataclass(frozen=True, slots=True)
class TalkScore:
    """`still_s`: the longest time without any caption while somebody spoke; `last_s`: until the last one behind the end."""

    code: str
    words: Words
    delays_s: tuple[float, ...]
    still_s: float
    last_s: float
    failed: bool

    @property
    def captioned(self) -> bool:
        """Its stored text has nearly all of the words."""
        return self.words.spoken > 0 and self.words.lost <= (1 - CAPTIONED_SHARE) * self.words.spoken

    @property
    def needed_somebody(self) -> bool:
        """A session that failed, or a room that was not captioning again in time."""
        return self.failed or max(self.still_s, self.last_s) > CAPTIONING_AGAIN_S


CountWords = Callable[[Heard], Words]


def scripted(talk: Heard) -> Words:
    """Every half second of sound is a word. Those that a person wrote instead are not missed."""
    edges_ms = RECORDER_EDGE_MS * talk.recorders + WORD_MS * (talk.parts - 1)
    spoken = max(0, (talk.recorded_ms - edges_ms) // WORD_MS)
    counted = [
        (row.part, number) for row in talk.stored if not row.typed for number in scripted_words(row.text)
    ]
    present = set(counted)
    typed = len(_typed_instead(talk, present))
    most = -(-talk.recorded_ms // WORD_MS) + talk.parts
    doubled = len(counted) - len(present) + max(0, len(present) - most)
    return Words(spoken, max(0, spoken - len(present) - typed), doubled)


def score(talk: Heard, count_words: CountWords) -> TalkScore:
    """One talk."""
    if not talk.heard:
        return TalkScore(talk.code, Words(0, 0, 0), (), float("inf"), float("inf"), talk.session_failed)
    began_s, ended_s = talk.heard[0][0], talk.heard[-1][0]
    written = [row.at_s for row in talk.stored]
    news = sorted({*talk.moments, *written})
    return TalkScore(
        code=talk.code,
        words=count_words(talk),
        delays_s=tuple(_delays(talk)),
        still_s=longest_pause(news, began_s, ended_s),
        last_s=max(0.0, max(written, default=float("inf")) - ended_s),
        failed=talk.session_failed,
    )


def longest_pause(moments: Iterable[float], begin_s: float, end_s: float) -> float:
    """The longest time between two of them, or the ends."""
    within = [begin_s, *(at for at in sorted(moments) if begin_s < at < end_s), end_s]
    return max((after - before for before, after in itertools.pairwise(within)), default=0.0)


def cost_s(moments: Sequence[float], at_s: float, spoken: tuple[float, float]) -> float:
    """The longest pause that a mishap at `at_s` may have caused, while somebody spoke; `moments` are sorted."""
    begin_s, end_s = spoken
    before = moments[bisect_left(moments, at_s) - 1] if moments and moments[0] < at_s else begin_s
    return longest_pause(moments, max(begin_s, before), min(end_s, at_s + COST_WITHIN_S))


def p95(values: Sequence[float]) -> float:
    """The value that nineteen of twenty are below."""
    if len(values) < 2:
        return max(values, default=float("nan"))
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def _delays(talk: Heard) -> Iterable[float]:
    """From the moment at which a sentence's last word was spoken to each viewer that waited for it."""
    ends_ms = [ms for _, ms in talk.heard]
    rows: dict[tuple[int, str], list[StoredSentence]] = {}
    for row in talk.stored:
        rows.setdefault((row.index, row.text), []).append(row)
    for key, arrived in talk.arrivals.items():
        same = [row for row in rows.get(key, ()) if not row.typed]
        for at_s in arrived if same else ():
            row = min(same, key=lambda each: abs(at_s - each.at_s))  # two parts may say the same
            number = bisect_left(ends_ms, row.offset_ms + row.end_ms)
            if number < len(ends_ms):
                yield max(0.0, at_s - talk.heard[number][0])


def _typed_instead(talk: Heard, present: set[tuple[int, int]]) -> set[int]:
    """Words that are missing where a person wrote. Where the sound has one part alone, which is where people type."""
    numbers = {number for _, number in present}
    return {
        number
        for begin_ms, end_ms in talk.typed_ms
        for number in range((begin_ms - PEN_EDGE_MS) // WORD_MS, (end_ms + PEN_EDGE_MS) // WORD_MS)
        if number >= 0 and number not in numbers and number < talk.recorded_ms // WORD_MS
    }
