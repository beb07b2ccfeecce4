"""The text behind the last sentence, as far as it is shown while it may change. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from asr.recognise.recogniser import Word
from asr.recognise.text import PUNCTUATION, has_letters

from .sentences import with_capital


@dataclass(frozen=True)
class PartialText:
    """The text behind the last sentence; its first `confirmed_chars` characters will not change."""

    start_ms: int
    text: str
    confirmed_chars: int = 0


def supposed(hypothesis: Sequence[Word], least_probability: float) -> tuple[Word, ...]:
    """The hypothesis up to the first word that will hardly survive: whoever reads along sees few words taken back.

    A last word with punctuation behind it waits for the next one, or to be final: how a clause ends is a guess of what follows, and
    each pass makes another.
    """
    shown = list(takewhile(lambda word: word.probability >= least_probability, hypothesis))
    if shown and shown[-1].text.endswith(PUNCTUATION):
        mark = shown.pop()
        if not has_letters(mark.text):
            del shown[-1:]
    return tuple(shown)


def partial_text(
    confirmed: Sequence[Word], tentative: Sequence[Word], *, begins: bool, at_ms: int
) -> PartialText:
    """Both as they are read; `begins`: nothing of their sentence is stored. `at_ms`: where there are no words yet."""
    confirmed_text = "".join(word.text for word in confirmed)
    whole = confirmed_text + "".join(word.text for word in tentative)
    words = (*confirmed, *tentative)
    skipped = len(whole) - len(whole.lstrip())
    text = with_capital(whole.strip()) if begins else whole.strip()
    start_ms = words[0].start_ms if words else at_ms
    return PartialText(start_ms, text, max(0, len(confirmed_text.rstrip()) - skipped))
