"""What a glossary does to recognition: rare words found, terms invented, errors and times, with and without one.

The rare words of a talk's own reference are its glossary, alone and among words that nobody says there: a real glossary holds many.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import jiwer
import numpy as np
import wordfreq
from rich.table import Table

from asr.caption.captioner import Captioner, CaptionEvent, SentenceReady
from asr.recognise.counters import Counters
from asr.recognise.options import EngineOptions
from asr.recognise.recogniser import Recogniser, Word
from asr.recognise.streaming import StreamingRecogniser
from asr.recognise.whisper import Whisper

from .normalise import words_of
from .replay import Clock, replay
from .score import score
from .talk import ReferenceWord, Talk

RARE_ZIPF = 3.3  # at most one word in half a million
SHORTEST = 4
UNSPOKEN_ZIPF = (2.4, 3.2)
SEED = 12
MakeClock = Callable[[Counters], Clock]
_LETTERS = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


@dataclass(frozen=True)
class TermsRow:
    """One run. `recall`: of the occurrences of rare words. `invented`: terms that stand there more often than they were said.

    Shifts: how far the beginnings of words that were recognised are from where they were spoken.
    """

    talk: str
    glossary: str
    terms: int
    rare_occurrences: int
    recall: float
    invented: int
    wer: float
    commit_p50_s: float
    shift_p50_ms: float
    shift_p95_ms: float

    def as_dict(self) -> dict[str, object]:
        """By name, floats rounded."""
        return {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()}


def rare_words(reference: str, language: str, most: int) -> tuple[str, ...]:
    """The rarest words of a text, as they are spelt there; each once, the rarest first."""
    found: dict[str, tuple[float, str]] = {}
    for match in _LETTERS.finditer(reference):
        word = match.group()
        zipf = wordfreq.zipf_frequency(word, language)
        if len(word) >= SHORTEST and zipf <= RARE_ZIPF:
            found.setdefault(word.casefold(), (zipf, word))
    return tuple(word for _, word in sorted(found.values())[:most])


def unspoken_words(reference: str, language: str, count: int) -> tuple[str, ...]:
    """As rare words of the language that do not stand in the text; the same for the same text."""
    said = set(words_of(reference))
    least, most = UNSPOKEN_ZIPF
    listed = [
        word
        for word in wordfreq.top_n_list(language, 100_000)
        if len(word) >= SHORTEST + 2 and _LETTERS.fullmatch(word) and word not in said
        and least <= wordfreq.zipf_frequency(word, language) <= most
    ]  # fmt: skip
    return tuple(sorted(random.Random(SEED).sample(listed, count)))  # noqa: S311  # the same each time, no secret


def run_terms(
    talk: Talk, model: Whisper, base: EngineOptions, most: int, *, clock: MakeClock
) -> Iterator[TermsRow]:
    """Without a glossary, with the talk's rare words, with as many unspoken ones among them, and with these alone."""
    rare = rare_words(talk.reference, talk.language, most)
    unspoken = unspoken_words(talk.reference, talk.language, len(rare))
    mixed = [*rare, *unspoken]
    random.Random(SEED).shuffle(mixed)  # noqa: S311
    glossaries = {
        "none": (),
        "rare words": rare,
        "and as many unspoken": tuple(mixed),
        "unspoken alone": unspoken,
    }
    for name, terms in glossaries.items():
        options = replace(base, language=talk.language, glossary=terms)
        yield _run(talk, model, options, (name, rare, unspoken), clock)


def recall_of(rare: Sequence[str], reference: str, text: str) -> tuple[int, float]:
    """How often the words were said, and the share of it that stands in the text."""
    said, heard = Counter(words_of(reference)), Counter(words_of(text))
    keys = {part for word in rare for part in words_of(word)}
    count = sum(said[key] for key in keys)
    return count, sum(min(said[key], heard[key]) for key in keys) / count if count else 1.0


def invented_in(terms: Sequence[str], reference: str, text: str) -> int:
    """How much more often terms stand in the text than they were said."""
    said, heard = Counter(words_of(reference)), Counter(words_of(text))
    return sum(max(0, heard[key] - said[key]) for key in {part for term in terms for part in words_of(term)})


def shifts_ms(reference: Sequence[ReferenceWord], words: Sequence[Word]) -> list[int]:
    """For each word that was recognised as it was spoken, how far its beginning is from where it was."""
    spoken = [(part, word.start_ms) for word in reference for part in words_of(word.text)]
    heard = [(part, word.start_ms) for word in words for part in words_of(word.text)]
    if not spoken or not heard:
        return []
    output = jiwer.process_words(" ".join(part for part, _ in spoken), " ".join(part for part, _ in heard))
    return [
        abs(spoken[chunk.ref_start_idx + n][1] - heard[chunk.hyp_start_idx + n][1])
        for chunk in output.alignments[0]
        if chunk.type == "equal"
        for n in range(chunk.ref_end_idx - chunk.ref_start_idx)
    ]


def table(rows: Sequence[TermsRow]) -> Table:
    """The rows for a terminal."""
    result = Table(title="Terms")
    for title in (
        "talk",
        "glossary",
        "terms",
        "said",
        "recall",
        "invented",
        "WER",
        "p50",
        "shift p50",
        "shift p95",
    ):
        result.add_column(title, justify="left" if title in ("talk", "glossary") else "right")
    for row in rows:
        result.add_row(
            row.talk, row.glossary, str(row.terms), str(row.rare_occurrences), f"{100 * row.recall:.0f} %", str(row.invented),
            f"{100 * row.wer:.1f} %", f"{row.commit_p50_s:.2f} s", f"{row.shift_p50_ms:.0f} ms", f"{row.shift_p95_ms:.0f} ms",
        )  # fmt: skip
    return result


class _Recorded(Captioner):
    """A captioner that keeps the words of its sentences."""

    def __init__(self, model: Whisper, options: EngineOptions, counters: Counters) -> None:
        def make(start_ms: int) -> Recogniser:
            return StreamingRecogniser(model, options, start_ms, counters=counters)

        super().__init__(make, options)
        self.said: list[Word] = []

    def poll(self) -> list[CaptionEvent]:
        return self._kept(super().poll())

    def flush(self) -> list[CaptionEvent]:
        return self._kept(super().flush())

    def _kept(self, events: list[CaptionEvent]) -> list[CaptionEvent]:
        for event in events:
            if isinstance(event, SentenceReady):
                self.said += event.words
        return events


def _run(
    talk: Talk,
    model: Whisper,
    options: EngineOptions,
    case: tuple[str, tuple[str, ...], tuple[str, ...]],
    clock: MakeClock,
) -> TermsRow:
    name, rare, unspoken = case
    counters = Counters()
    captioner = _Recorded(model, options, counters)
    run = replay(talk, captioner, policy=options.policy, clock=clock(counters))
    row = score(talk, run.seen, run.pieces, run.facts)
    text = run.seen[-1].final if run.seen else ""
    occurrences, recall = recall_of(rare, talk.reference, text)
    shifts = np.array(shifts_ms(talk.words, captioner.said) or [0], dtype=np.float64)
    return TermsRow(
        talk.name, name, len(options.glossary), occurrences, recall, invented_in([*rare, *unspoken], talk.reference, text),
        row.wer, row.commit_p50_s, float(np.percentile(shifts, 50)), float(np.percentile(shifts, 95)),
    )  # fmt: skip
