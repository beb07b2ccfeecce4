"""Word by word, where a text departs from what was said. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import jiwer

from .normalise import normalised, words_of
from .talk import Talk


@dataclass(frozen=True)
class Difference:
    """One stretch: about when it was said, what was said, and what was heard (either may be empty)."""

    at_s: float
    said: str
    heard: str


def differences(talk: Talk, text: str) -> list[Difference]:
    """Every stretch in which the text differs from the reference, as word error rates count them."""
    said, heard = normalised(talk.reference, talk.language).split(), normalised(text, talk.language).split()
    if not heard:
        return [Difference(0.0, " ".join(said), "")]
    output = jiwer.process_words(" ".join(said), " ".join(heard))
    found = list[Difference]()
    for chunk in output.alignments[0]:
        if chunk.type != "equal":
            at_s = _time_of(talk, chunk.ref_start_idx / len(said))
            own = said[chunk.ref_start_idx : chunk.ref_end_idx]
            found.append(
                Difference(at_s, " ".join(own), " ".join(heard[chunk.hyp_start_idx : chunk.hyp_end_idx]))
            )
    return found


def _time_of(talk: Talk, share: float) -> float:
    """When about that share of the words had been said (number words are fewer in digits)."""
    spoken = [word for word in talk.words for _ in words_of(word.text)]
    return spoken[min(len(spoken) - 1, round(share * len(spoken)))].start_ms / 1000 if spoken else 0.0
