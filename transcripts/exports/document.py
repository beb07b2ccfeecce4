"""A transcript as a document for word processors (python-docx). Pure."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import docx
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor

from transcripts.exports.subtitles import is_right_to_left
from transcripts.text import one_line


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A stretch of speech: when it begins, as people write it, who speaks, and its text in each language."""

    time: str
    voice: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A part: its heading and its paragraphs."""

    heading: str
    paragraphs: Sequence[Paragraph]


def render_document(
    *, title: str, subtitle: str, langs: Sequence[str], lang_names: Sequence[str], sections: Iterable[Section]
) -> bytes:
    """The file. In one language running text with the time before each paragraph, in two a table side by side."""
    document = docx.Document()
    document.core_properties.title = one_line(title)[:255]
    document.core_properties.author = ""
    document.core_properties.language = langs[0]
    _prepare(document)
    document.add_heading(one_line(title), 0)
    if subtitle:
        document.add_paragraph(one_line(subtitle), style="Subtitle")
    for section in sections:
        document.add_heading(one_line(section.heading), 1)
        if len(langs) > 1:
            _table(document, section, langs, lang_names)
        else:
            _running_text(document, section, langs[0])
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def _prepare(document: Any) -> None:
    body = document.styles["Normal"]
    body.font.size = Pt(11)
    body.paragraph_format.line_spacing = 1.3
    body.paragraph_format.space_after = Pt(6)
    for section in document.sections:
        section.left_margin = section.right_margin = Cm(2.2)


def _running_text(document: Any, section: Section, lang: str) -> None:
    for paragraph in section.paragraphs:
        time = document.add_paragraph()
        time.paragraph_format.space_before, time.paragraph_format.space_after = Pt(8), Pt(0)
        time.paragraph_format.keep_with_next = True
        _quiet(time.add_run(" · ".join(filter(None, (paragraph.time, one_line(paragraph.voice))))))
        _write(document.add_paragraph(), paragraph.texts[0], lang)


def _table(document: Any, section: Section, langs: Sequence[str], names: Sequence[str]) -> None:
    rows = len(section.paragraphs) + 1
    table = document.add_table(rows=rows, cols=1 + len(langs), style="Table Grid")
    cells = table._cells  # looked up once: python-docx counts the whole table for each `table.cell`
    columns = 1 + len(langs)
    for number, name in enumerate(("", *names)):
        cells[number].paragraphs[0].add_run(name).bold = True
    _repeat_on_each_page(table.rows[0])
    for row, paragraph in enumerate(section.paragraphs, 1):
        here = cells[row * columns : (row + 1) * columns]
        _quiet(here[0].paragraphs[0].add_run(paragraph.time))
        for cell, text, lang in zip(here[1:], paragraph.texts, langs, strict=True):
            _write(cell.paragraphs[0], text, lang)
    for number, width in enumerate((Cm(2), *[Cm(14.6 / len(langs))] * len(langs))):
        for cell in cells[number::columns]:
            cell.width = width


def _write(paragraph: Any, text: str, lang: str) -> None:
    """Text in its language, which decides hyphenation, spelling and direction."""
    run = paragraph.add_run(one_line(text))
    properties = run._r.get_or_add_rPr()
    if is_right_to_left(lang):
        paragraph._p.get_or_add_pPr().append(OxmlElement("w:bidi"))
        paragraph.alignment = (
            WD_ALIGN_PARAGRAPH.LEFT
        )  # where the direction is from the right, "left" is its beginning
        properties.append(OxmlElement("w:rtl"))
    language = OxmlElement("w:lang")
    language.set(qn("w:bidi" if is_right_to_left(lang) else "w:val"), lang)
    properties.append(language)


def _quiet(run: Any) -> None:
    run.font.size, run.font.color.rgb = Pt(9), RGBColor(0x5B, 0x66, 0x70)


def _repeat_on_each_page(row: Any) -> None:
    row._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
