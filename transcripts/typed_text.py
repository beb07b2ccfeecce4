"""Text that a person typed, made fit for captions: one line, bounded, without characters that nobody sees. Pure."""

from __future__ import annotations

import unicodedata

from rooms.errors import BadInput

TYPED_MOST_CHARS = 400
MARKS_MOST = 4  # on one letter; more is no script, it covers the lines above
# They join or part letters in Persian, Indic scripts and emoji, or say which way a comma goes; nothing opens here.
_KEPT_FORMATS = frozenset("\u200c\u200d\u200e\u200f")


def typed_text(text: str) -> str:
    """The text as captions show it: composed, spaces single. Raises BadInput (`text_empty`, `text_too_long`)."""
    if len(text) > TYPED_MOST_CHARS:
        raise BadInput("text_too_long", most=TYPED_MOST_CHARS)
    fit = typed_so_far(text)
    if not fit:
        raise BadInput("text_empty")
    return fit


def typed_so_far(text: str) -> str:
    """The same of text that is still being typed: cut where it is too long, and it may be empty."""
    kept: list[str] = []
    marks = 0
    for char in unicodedata.normalize("NFC", text[:TYPED_MOST_CHARS]):
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if category in ("Zl", "Zp", "Cc"):
            kept.append(" ")
        elif char in _KEPT_FORMATS or (category not in ("Cf", "Cs", "Co", "Cn") and marks <= MARKS_MOST):
            kept.append(char)
    return " ".join("".join(kept).split())
