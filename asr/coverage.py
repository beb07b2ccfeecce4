"""Which of a recogniser's sentences are given out where a person writes too. Pure: audio times in, sentences out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from asr.caption.captioner import SentenceReady
from asr.recognise.recogniser import Word

Fate = Literal["given", "waiting", "dropped"]
WAITS_MOST_MS = 60_000  # who finishes no sentence for a minute of speech has written none of it


@dataclass(frozen=True, slots=True)
class Stretch:
    """Audio that a person has written, ms of the part; without `to_ms` itself."""

    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a person has written, and from when on a person writes now (None: nobody does).

    Behind `open_from_ms` nobody knows yet whose words it will be: the recogniser's wait for the person's sentence.
    """

    written: tuple[Stretch, ...] = ()
    open_from_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Spoken:
    """A recogniser's sentence under the key that it is stored with."""

    key: str
    sentence: SentenceReady


@dataclass(slots=True)
class Divided:
    """What is given out now, and what waits."""

    given: list[Spoken] = field(default_factory=list)
    waiting: list[Spoken] = field(default_factory=list)


def divide(spoken: Sequence[Spoken], coverage: Coverage, *, heard_ms: int) -> Divided:
    """Sentences in order: what a person wrote is left out word by word, what may still be written waits as a whole.

    A sentence that waits holds up those behind it. What was spoken WAITS_MOST_MS before `heard_ms` waits no longer. What
    stands on both sides of words that are left out is no sentence.
    """
    divided, is_cut = Divided(), False
    for one in spoken:
        fates = [_fate(word, coverage, heard_ms) for word in _words(one.sentence)]
        if is_cut:
            one = replace(one, sentence=replace(one.sentence, continues=False))
        is_cut = fates[-1] == "dropped"
        if divided.waiting or "waiting" in fates:
            divided.waiting.append(one)
        elif "dropped" not in fates:
            divided.given.append(one)
        else:
            divided.given += _remains(one, fates)
    return divided


def _fate(word: Word, coverage: Coverage, heard_ms: int) -> Fate:
    at_ms = (word.start_ms + word.end_ms) // 2
    if any(stretch.from_ms <= at_ms < stretch.to_ms for stretch in coverage.written):
        return "dropped"
    open_from_ms = coverage.open_from_ms
    if open_from_ms is not None and at_ms >= open_from_ms and at_ms > heard_ms - WAITS_MOST_MS:
        return "waiting"
    return "given"


def _words(sentence: SentenceReady) -> Sequence[Word]:
    """Its words; the whole of it where they are not known."""
    return sentence.words or (Word(sentence.start_ms, sentence.end_ms, sentence.text, 1.0),)


def _remains(one: Spoken, fates: Sequence[Fate]) -> list[Spoken]:
    """The runs of words that are given out, each a sentence under a key of its own that says where it begins."""
    remains: list[Spoken] = []
    run: list[Word] = []
    words = _words(one.sentence)
    for number, (word, fate) in enumerate(zip((*words, None), (*fates, None), strict=True)):
        if word is not None and fate == "given":
            run.append(word)
        elif run:
            text = "".join(each.text for each in run).strip()
            rest = replace(
                one.sentence, start_ms=run[0].start_ms, end_ms=run[-1].end_ms, text=text, words=tuple(run),
                ends=one.sentence.ends or number < len(words), continues=one.sentence.continues and number == len(run),
            )  # fmt: skip
            remains.append(Spoken(f"{one.key}.{number - len(run)}", rest))
            run = []
    return [rest for rest in remains if rest.sentence.text]
