"""Text that people type into a transcript: one line, without what nobody sees. Pure."""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from difflib import SequenceMatcher

from rooms.errors import BadInput

TEXT_MOST_CHARS = 2000
REASON_MOST_CHARS = 200
# Format characters that words are written with: joiners of Persian, Indic scripts and emoji, the marks of direction
# that change nothing but their own place. The others reorder what stands beside them, or hide.
_WRITTEN = frozenset("\u200c\u200d\u200e\u200f\u061c\u00ad")
WITHOUT_SPACES = frozenset({"ja", "km", "lo", "my", "th", "yue", "zh"})
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def clean_text(text: str) -> str:
    """A sentence as it is stored. Raises BadInput: `text_missing` where nothing is left, `text_too_long` (`most`)."""
    if len(text) > 2 * TEXT_MOST_CHARS:
        raise BadInput("text_too_long", most=TEXT_MOST_CHARS)
    cleaned = one_line(text)
    if not cleaned:
        raise BadInput("text_missing")
    if len(cleaned) > TEXT_MOST_CHARS:
        raise BadInput("text_too_long", most=TEXT_MOST_CHARS)
    return cleaned


def one_line(text: str) -> str:
    """In composed form, spaces and line ends as single spaces, without control characters and bidirectional overrides."""
    kept = " ".join("".join(map(_visible, text)).split())
    return unicodedata.normalize("NFC", kept)


def joined(texts: Iterable[str], lang: str) -> str:
    """Texts one behind the other, as the language is written."""
    between = "" if lang.partition("-")[0] in WITHOUT_SPACES else " "
    return between.join(filter(None, texts))


def shared_out(text: str, pieces: Sequence[str], lang: str) -> list[str]:
    """A new text of several pieces, for each its own: a word goes where the words stay with which it stands."""
    unspaced = lang.partition("-")[0] in WITHOUT_SPACES
    words: Callable[[str], list[str]] = list if unspaced else str.split
    before = [(number, word) for number, piece in enumerate(pieces) for word in words(piece)]
    now, at = words(text), 0
    shares: list[list[str]] = [[] for _ in pieces]
    matcher = SequenceMatcher(None, [word for _, word in before], now, autojunk=False)
    for tag, first, last, begin, end in matcher.get_opcodes():
        for offset, word in enumerate(now[begin:end]):
            if tag != "insert":
                at = before[min(first + offset, last - 1)][0]
            shares[at].append(word)
    return [("" if unspaced else " ").join(share) for share in shares]


def _visible(char: str) -> str:
    if char.isspace():
        return " "
    return char if char in _WRITTEN or unicodedata.category(char) not in _HIDDEN else ""
