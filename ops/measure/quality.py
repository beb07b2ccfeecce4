"""Figures of reading: how often shown words are taken back, where sentences end, and the errors with case and punctuation. Pure.

Normalized erasure: Arivazhagan et al. 2020, "Re-translation versus Streaming for Simultaneous Translation".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import takewhile

import jiwer

from .normalise import words_of

_ENDS = ".!?…。！？"
_CLOSING = "\"'’”»›)]}«"
_LETTERS = re.compile(r"\W*(?:\w\.){2,}\W*")  # i.e., e.g., U.S.


def normalized_erasure(shown: Iterable[str]) -> float:
    """Words taken back from the end of the display, per word that stands there at last; case and punctuation count.

    `shown`: what a reader had before the eyes, whole, after each change. A word that is replaced counts with all behind it.
    """
    erased, before = 0, list[str]()
    for text in shown:
        now = text.split()
        kept = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, now, strict=False)))
        erased += len(before) - kept
        before = now
    return erased / len(before) if before else 0.0


def formatted_error_rate(reference: str, text: str) -> float:
    """Word error rate with case and punctuation: "Hall," and "hall" differ. Quotes and apostrophes in any form are one."""
    wanted, found = _formatted(reference), _formatted(text)
    return float(jiwer.wer(wanted, found)) if found else 1.0


def sentence_f1(reference: str, sentences: Sequence[str]) -> float:
    """F1 of sentence ends: those of the reference by its punctuation, found where `sentences` end.

    An end counts as found behind the word that stands for the reference's (equal or substituted in the best alignment). The end of
    the talk is none: everybody finds it. 1.0 where neither has any.
    """
    spoken, ends = _with_ends(reference.split())
    heard, cuts = list[str](), set[int]()
    for sentence in sentences:
        heard += words_of(sentence)
        cuts.add(len(heard) - 1)
    wanted, found = ends - {len(spoken) - 1}, cuts - {len(heard) - 1, -1}
    if not wanted or not found:
        return float(wanted == found)
    hits = len({index for index in _counterparts(spoken, heard, found) if index in wanted})
    return 2 * hits / (len(wanted) + len(found))


def ends_sentence(token: str) -> bool:
    """Does a sentence end behind this word of a punctuated text? Not at "i.e."; other abbreviations count as ends, to all alike."""
    return token.rstrip(_CLOSING).endswith(tuple(_ENDS)) and not _LETTERS.fullmatch(token)


def _with_ends(tokens: Sequence[str]) -> tuple[list[str], set[int]]:
    """The words of a punctuated text, and the indices of those behind which a sentence ends."""
    words, ends = list[str](), set[int]()
    for token in tokens:
        words += words_of(token)
        if words and ends_sentence(token):
            ends.add(len(words) - 1)
    return words, ends


def _counterparts(spoken: Sequence[str], heard: Sequence[str], found: set[int]) -> Iterable[int]:
    """Indices of the spoken words that the heard ones of `found` stand for."""
    output = jiwer.process_words(" ".join(spoken), " ".join(heard))
    for chunk in output.alignments[0]:
        if chunk.type in ("equal", "substitute"):
            for offset in range(chunk.hyp_end_idx - chunk.hyp_start_idx):
                if chunk.hyp_start_idx + offset in found:
                    yield chunk.ref_start_idx + offset


def _formatted(text: str) -> str:
    text = unicodedata.normalize("NFKC", text)
    return " ".join(text.replace("’", "'").replace("“", '"').replace("”", '"').replace("—", "-").split())
