"""A stored transcript as it is set on its page: parts, paragraphs, columns, and runs that a host can correct. No queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from pages.archive import clock
from pages.languages import direction, shown_name
from transcripts.models import Part
from transcripts.page import ReadPart
from transcripts.reading import ReadSentence
from transcripts.text import WITHOUT_SPACES


@dataclass(frozen=True, slots=True)
class Run:
    """Text in one language. `index`: of the stored piece that it can be corrected by. `also`: of others in it.

    `is_wanted` False: the original, because it is not translated. `spaced`: a space stands behind it.
    """

    part: int
    index: int
    start_ms: int
    text: str
    lang: str
    direction: str
    is_wanted: bool
    spaced: bool
    also: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """Runs of one direction: on a line with those of the other nobody could tell in which order to read."""

    direction: str
    runs: list[Run]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """What is read in one go, in one or two columns."""

    part: int
    index: int
    time: str
    voice: int | None
    columns: list[list[Block]]


@dataclass(frozen=True, slots=True)
class ShownPart:
    """A part with its paragraphs."""

    part: Part
    lang_name: str
    started_at: datetime
    paragraphs: list[Paragraph]


def shown_part(read: ReadPart, langs: Sequence[str], *, zone: ZoneInfo) -> ShownPart:
    """A part in one or two languages, its times as in `zone`."""
    part = read.part
    paragraphs = [_paragraph(read, items, langs) for items in read.paragraphs]
    return ShownPart(part, shown_name(part.source_lang), part.started_at.astimezone(zone), paragraphs)


def _paragraph(read: ReadPart, items: Sequence[ReadSentence], langs: Sequence[str]) -> Paragraph:
    first = items[0]
    voice = first.speaker + 1 if first.speaker >= 0 else None
    columns = [_blocks(run for item in items for run in _runs(item, read.part, lang)) for lang in langs]
    return Paragraph(read.part.number, first.index, clock(first.start_ms), voice, columns)


def _blocks(runs: Iterable[Run]) -> list[Block]:
    return [Block(way, list(group)) for way, group in groupby(runs, key=lambda run: run.direction)]


def _runs(item: ReadSentence, part: Part, lang: str) -> list[Run]:
    """The sentence in one column: its pieces, or its translation, or the original where that is missing."""
    source = part.source_lang
    translated = item.translations.get(lang) if lang != source else None
    if translated:
        also = tuple(piece.index for piece in item.pieces[1:])
        return [_run(item, part, lang, item.index, translated, is_wanted=True, also=also)]
    return [
        _run(item, part, source, piece.index, piece.text, is_wanted=lang == source) for piece in item.pieces
    ]


def _run(
    item: ReadSentence,
    part: Part,
    lang: str,
    index: int,
    text: str,
    *,
    is_wanted: bool,
    also: tuple[int, ...] = (),
) -> Run:
    spaced = lang.partition("-")[0] not in WITHOUT_SPACES
    return Run(part.number, index, item.start_ms, text, lang, direction(lang), is_wanted, spaced, also)
