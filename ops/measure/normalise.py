"""Text for comparing: NFKC, case and punctuation off; in English, numbers in words become digits.

Offline figures that come with the test talks are reproduced by this to the last digit.
"""

from __future__ import annotations

import re
import unicodedata

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
)
_UNITS += " seventeen eighteen nineteen"
_CARDINALS = {word: value for value, word in enumerate(_UNITS.split())}
_TENS = {
    word: 10 * value
    for value, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2
    )
}
_ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fifth": 5, "eighth": 8, "ninth": 9, "twelfth": 12,
    **{f"{word}th": value for word, value in _CARDINALS.items() if value in (4, 6, 7, 10, 11) or value > 12},
    **{f"{word[:-1]}ieth": value for word, value in _TENS.items()},
}  # fmt: skip
_SPOKEN_ORDINALS_KEPT = {"first", "second", "third"}  # mostly no numbers: "at first", "a second"


def words_of(text: str) -> list[str]:
    """Words without case and punctuation."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("'", "").replace("’", "")
    return re.sub(r"[^\w\s]|_", " ", text).split()


def normalised(text: str, language: str) -> str:
    """Text as it is compared for word error rates."""
    words = words_of(text)
    return " ".join(with_digits(words) if language == "en" else words)


def with_digits(words: list[str]) -> list[str]:
    """English number words as digits: forty two → 42, fourteen fifty five → 1455, fifteenth → 15th."""
    result: list[str] = []
    at = 0
    while at < len(words):
        digits, used = _number(words[at : at + 4])
        if used:
            result.append(digits)
            at += used
        else:
            result.append(words[at])
            at += 1
    return result


def _number(words: list[str]) -> tuple[str, int]:
    """Read a number at the start of `words`: its digits and how many words it took (0: none)."""
    first, used = _below_hundred(words)
    if not used:
        return "", 0
    if first.isdigit() and int(first) >= 10:
        second, more = _below_hundred(words[used:])
        if more and second.isdigit() and int(second) >= 10:
            return first + second, used + more
    return first, used


def _below_hundred(words: list[str]) -> tuple[str, int]:
    if not words:
        return "", 0
    word = words[0]
    if word in _TENS:
        following = words[1] if len(words) > 1 else ""
        if _CARDINALS.get(following, 0) in range(1, 10):
            return str(_TENS[word] + _CARDINALS[following]), 2
        if _ORDINALS.get(following, 0) in range(1, 10):
            return _ordinal(_TENS[word] + _ORDINALS[following]), 2
        return str(_TENS[word]), 1
    if word in _CARDINALS and word not in ("one", "zero"):
        return str(_CARDINALS[word]), 1
    if word in _ORDINALS and word not in _SPOKEN_ORDINALS_KEPT:
        return _ordinal(_ORDINALS[word]), 1
    return "", 0


def _ordinal(value: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th") if value not in (11, 12, 13) else "th"
    return f"{value}{ending}"
