"""What a reader of another language saw, and when: delay of each translated word, words taken back, agreement. Pure.

A sentence as it is read: what was shown of it last before its translation came, and from there on that translation. Each of its words counts
as spoken when the word of the original was over that stands as far into the sentence; it stands from when on it was shown, within NEAR_WORDS of
its place, as long as the sentence was said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import jiwer
import numpy as np

from translation.stitching import bare, behind

from .normalise import words_of
from .score import NEAR_WORDS
from .talk import ReferenceWord

Place = tuple[int, int]  # part, index of the sentence's first piece


@dataclass(frozen=True)
class Shown:
    """From this time on the sentence at a place is shown like this; `final`: this is its translation."""

    at_s: float
    place: Place
    text: str
    final: bool = False


@dataclass(frozen=True)
class Figures:
    """Of one reader.

    `normalized_erasure`: words taken back from the display per word of the translations, as Arivazhagan et al. count them: by the drafts
    while their sentence was said (`drafts_erasure`), and by its translation when it came (`replaced`). `bleu`: the sentences as they were read against their translations.
    """

    word_p50_s: float
    word_p95_s: float
    normalized_erasure: float
    drafts_erasure: float
    replaced: float
    bleu: float
    calls_per_sentence: float


def figures(shown: Sequence[Shown], spoken_ends_s: Mapping[Place, Sequence[float]], *, calls: int) -> Figures:
    """`spoken_ends_s`: of each sentence's words; `calls`: made for all of them. Sentences without a translation are left out."""
    finals = {moment.place: moment for moment in shown if moment.final and moment.place in spoken_ends_s}
    drafts = {place: [each for each in shown if each.place == place and not each.final] for place in finals}
    read = {place: _read_on(drafts[place], final.text) for place, final in finals.items()}
    delays = [
        delay
        for place, final in finals.items()
        for delay in _delays(drafts[place], replace(final, text=read[place]), spoken_ends_s[place])
    ]
    p50, p95 = np.percentile(delays, (50, 95)) if delays else (float("nan"), float("nan"))
    words = sum(len(final.text.split()) for final in finals.values()) or 1
    erased = sum(_erased(each.text for each in drafts[place]) for place in finals)
    replaced = sum(
        _erased([each.text for each in drafts[place][-1:]] + [final.text]) for place, final in finals.items()
    )
    bleu = _bleu(list(read.values()), [final.text for final in finals.values()])
    return Figures(
        float(p50),
        float(p95),
        (erased + replaced) / words,
        erased / words,
        replaced / words,
        bleu,
        calls / max(1, len(finals)),
    )


def spoken_ends_s(
    reference: Sequence[ReferenceWord], sentences: Mapping[Place, str]
) -> dict[Place, list[float]]:
    """When each word of the recognised sentences was over in the audio: by the talk's own words, as far as they are found."""
    heard = [(place, word) for place in sorted(sentences) for word in words_of(sentences[place])]
    spoken = [(part, word.end_ms / 1000) for word in reference for part in words_of(word.text)]
    ends: list[float | None] = [None] * len(heard)
    if heard and spoken:
        output = jiwer.process_words(
            " ".join(word for word, _ in spoken), " ".join(word for _, word in heard)
        )
        for chunk in output.alignments[0]:
            if chunk.type in ("equal", "substitute"):
                for offset in range(chunk.ref_end_idx - chunk.ref_start_idx):
                    ends[chunk.hyp_start_idx + offset] = spoken[chunk.ref_start_idx + offset][1]
    found: dict[Place, list[float]] = {place: [] for place in sentences}
    known_s = next((end for end in ends if end is not None), 0.0)
    for (place, _), end in zip(heard, ends, strict=True):
        known_s = known_s if end is None else end
        found[place].append(known_s)
    return {place: each for place, each in found.items() if each}


def _delays(drafts: Sequence[Shown], read: Shown, ends_s: Sequence[float]) -> list[float]:
    words = [bare(word) for word in read.text.split()]
    texts = [(draft.at_s, [bare(word) for word in draft.text.split()]) for draft in reversed(drafts)]
    found = []
    for index, word in enumerate(words):
        stands_s = read.at_s
        for at_s, shown in texts:
            if word not in shown[max(0, index - NEAR_WORDS) : index + NEAR_WORDS + 1]:
                break
            stands_s = at_s
        found.append(stands_s - ends_s[min(len(ends_s) - 1, int((index + 0.5) * len(ends_s) / len(words)))])
    return found


def _erased(texts: Iterable[str]) -> int:
    """Words taken back from the end of what is shown."""
    erased, before = 0, list[str]()
    for text in texts:
        now = text.split()
        erased += len(before) - sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, now, strict=False))
        )
        before = now
    return erased


def _read_on(drafts: Sequence[Shown], final: str) -> str:
    """The last draft, and from where it ends the final translation."""
    shown = drafts[-1].text.split() if drafts else []
    words = final.split()
    return " ".join([*shown, *words[behind(shown, words) :]])


def _bleu(read: list[str], finals: list[str]) -> float:
    import sacrebleu

    return float(sacrebleu.corpus_bleu(read, [finals]).score) if finals else float("nan")
