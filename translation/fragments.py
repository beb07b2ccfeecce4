"""Sentences that a pause cut in two: the second is translated behind the first, and its own part of that is what it reads. Pure.

"You must not" / "restart the database.": alone the second is an order to do so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from translation.pacing import Spoken
from translation.stitching import bare, behind, words

FIRST_MOST_CHARS: Final = 300
SENTENCE_ENDS: Final = ".!?…。！？"
CLOSING: Final = "\"'”’»)]"


def unfinished_before(spoken: Sequence[Spoken], item: Spoken) -> str:
    """The sentence before this one among those of a talk, where it had not ended; "": it had, or the pause was a long one."""
    before = [each for each in spoken if each.key < item.key][-1:]
    for each in before:
        is_near = (each.key[0], each.line, each.source_lang) == (item.key[0], item.line, item.source_lang)
        if is_near and is_unfinished(each.text):
            return each.text
    return ""


def is_unfinished(text: str) -> bool:
    """Whether a sentence has no end: what follows it goes on with it."""
    return (
        bool(text)
        and len(text) <= FIRST_MOST_CHARS
        and not text.rstrip(CLOSING).endswith(tuple(SENTENCE_ENDS))
    )


def asked_for(text: str, before: str) -> list[str]:
    """What an engine is asked for: the text, and behind an unfinished sentence that, too, with and without it."""
    return [text, before, f"{before} {text}"] if before else [text]


def own_part(translations: Sequence[str | None]) -> str | None:
    """Of the translations of what was asked for: what the text reads as; alone where nobody can tell where its part begins."""
    alone, *rest = translations
    if alone is None or len(rest) != 2 or rest[0] is None or rest[1] is None:
        return alone
    first, both = words(rest[0].rstrip().rstrip(SENTENCE_ENDS)), words(rest[1])
    at = behind(first, both)
    there = {bare(word) for word in both[:at]}
    known = sum(bare(word) in there for word in first)
    if not 0 < at < len(both) or 2 * known < len(first):
        return alone
    return "".join(both[at:]).strip()
