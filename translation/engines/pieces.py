"""Long texts in pieces that a sentence model can take. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def pieces(text: str, most_chars: int) -> Iterator[str]:
    """Cut at white space, preferably behind punctuation; nothing is lost but the space at the cuts."""
    text = text.strip()
    while len(text) > most_chars:
        head = text[:most_chars]
        cut = max(head.rfind(mark) + len(mark) for mark in (". ", "! ", "? ", "; ", ", ", "。", "，"))
        if cut < most_chars // 2:
            cut = head.rfind(" ")
        if cut <= 0:
            cut = most_chars
        yield text[:cut].strip()
        text = text[cut:].strip()
    if text:
        yield text


def join(parts: Iterable[str]) -> str:
    """The translations of consecutive pieces as one text."""
    return " ".join(part for part in (part.strip() for part in parts) if part)
