"""What two translations of a sentence have in common, as far as it was said: word by word. Pure.

A sentence model that gets more of a sentence translates its beginning anew, with other words here and there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import takewhile

# Scripts that are written without spaces: Thai, Lao, Khmer, kana, Chinese characters. There each letter counts as a word.
_UNSPACED = "\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"\s*(?:[{_UNSPACED}]|[^\s{_UNSPACED}]+)")


def words(text: str) -> list[str]:
    """The words of a text with the space before each: joined they are the text, but for space at its end."""
    return _WORD.findall(text)


def bare(word: str) -> str:
    """A word for comparing: letters and digits without case; a word that has none of them as it is."""
    folded = unicodedata.normalize("NFKC", word).casefold().strip()
    return "".join(char for char in folded if char.isalnum()) or folded


def behind(shown: Sequence[str], newer: Sequence[str]) -> int:
    """How many words of `newer` stand for the words `shown`: what follows them goes on there.

    Behind the last words that both have in this order, what was shown counts word by word, but for words that come earlier now.
    """
    if not shown:
        return 0
    old, new = [bare(word) for word in shown], [bare(word) for word in newer]
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    last = next((block for block in reversed(blocks) if block.size), None)
    if last is None:
        return min(len(new), len(old))
    at = last.b + last.size
    return min(len(new), at + sum(word not in new[:at] for word in old[last.a + last.size :]))


def same_beginning(one: Sequence[str], other: Sequence[str]) -> int:
    """With how many words both begin that look the same: case and punctuation count, as they do for who reads them."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0].strip() == pair[1].strip(), pairs))
