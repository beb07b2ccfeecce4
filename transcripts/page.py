"""A transcript in paragraphs for reading, a page of it at a time. Pure but for reading the sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from transcripts.models import Part
from transcripts.reading import ReadSentence, Transcript, sentences_of

PAGE_SENTENCES = 1500  # two hours: more would keep a web process, and its captions, too long
PARAGRAPH_CHARS = 600  # nobody pauses for minutes; readers do


@dataclass(frozen=True, slots=True)
class ReadPart:
    """A part, or as much of it as is on this page."""

    part: Part
    paragraphs: list[list[ReadSentence]]


@dataclass(frozen=True, slots=True)
class ReadPage:
    """`behind`: where the next page begins (part, index); None: this is the last."""

    parts: list[ReadPart]
    behind: tuple[int, int] | None


def page_of(
    transcript: Transcript,
    langs: Iterable[str],
    *,
    begin: tuple[int, int] = (0, 0),
    most: int = PAGE_SENTENCES,
) -> ReadPage:
    """From the sentence `begin` (part, index) on. One query per part that is on the page."""
    wanted, left = list(langs), most
    found: list[ReadPart] = []
    for part in transcript.parts:
        if part.number < begin[0]:
            continue
        first = begin[1] if part.number == begin[0] else 0
        sentences = [item for item in sentences_of(part, wanted) if item.index >= first]
        if not sentences:
            continue
        if not left:
            return ReadPage(found, (part.number, sentences[0].index))
        here, rest = sentences[:left], sentences[left:]
        found.append(ReadPart(part, list(paragraphs(here))))
        left -= len(here)
        if rest:
            return ReadPage(found, (part.number, rest[0].index))
    return ReadPage(found, None)


def paragraphs(sentences: Iterable[ReadSentence]) -> Iterator[list[ReadSentence]]:
    """Lines as they are stored, long ones in several."""
    for _, line in groupby(sentences, key=lambda item: item.line):
        paragraph: list[ReadSentence] = []
        chars = 0
        for item in line:
            if chars >= PARAGRAPH_CHARS:
                yield paragraph
                paragraph, chars = [], 0
            paragraph.append(item)
            chars += len(item.text)
        yield paragraph
