"""The text of slides or a script: PDF, PowerPoint, plain text. Run in a process with bounds (child.py), because parsers are; no Django."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any, Final

DOCUMENT_MOST_BYTES: Final = 25 << 20
MOST_PAGES: Final = 400
MOST_CHARS: Final = 600_000
MOST_UNPACKED_BYTES: Final = 150 << 20  # pictures are most of it
MOST_XML_BYTES: Final = 30 << 20
MOST_MEMBERS: Final = 5000
MOST_DEPTH: Final = 10  # groups in groups on a slide
SLIDES: Final = "ppt/presentation.xml"


class DocumentError(Exception):
    """This document has no words for us; the message is a code."""


def text_of(data: bytes) -> str:
    """Its words, cut at MOST_CHARS. Raises DocumentError (`unknown`, `broken`, `protected`, `hostile`, `too_large`, `empty`)."""
    read = _pdf if b"%PDF-" in data[:1024] else _slides if data[:4] == b"PK\x03\x04" else _plain
    parts, chars = [], 0
    for part in read(data):
        parts.append(part)
        chars += len(part)
        if chars >= MOST_CHARS:
            break
    text = "\n".join(parts)[:MOST_CHARS]
    if not any(char.isalnum() for char in text):
        raise DocumentError("empty")
    return text


def _pdf(data: bytes) -> Iterator[str]:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise DocumentError("protected")
        for number, page in enumerate(reader.pages):
            if number >= MOST_PAGES:
                break
            yield page.extract_text()
    except (MemoryError, DocumentError):
        raise
    except (PyPdfError, Exception) as error:  # a damaged file: whatever the library trips over
        raise DocumentError("broken") from error


def _slides(data: bytes) -> Iterator[str]:
    from pptx import Presentation

    _check_archive(data)
    try:
        presentation = Presentation(io.BytesIO(data))
        for number, slide in enumerate(presentation.slides):
            if number >= MOST_PAGES:
                break
            yield from _texts(slide.shapes, 0)
            if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
                yield slide.notes_slide.notes_text_frame.text
    except (MemoryError, DocumentError):
        raise
    except Exception as error:  # a damaged file: whatever the library trips over
        raise DocumentError("broken") from error


def _texts(shapes: Any, depth: int) -> Iterator[str]:
    for shape in shapes:
        if getattr(shape, "shapes", None) is not None and depth < MOST_DEPTH:
            yield from _texts(shape.shapes, depth + 1)
        elif shape.has_text_frame:
            yield shape.text_frame.text
        elif getattr(shape, "has_table", False):
            yield from (cell.text for row in shape.table.rows for cell in row.cells)


def _check_archive(data: bytes) -> None:
    """Before the library unpacks it: how large it becomes, and that its XML defines nothing (entities that grow, files that are read)."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if SLIDES not in (info.filename for info in members):
                raise DocumentError("unknown")
            xml = [info for info in members if info.filename.endswith((".xml", ".rels"))]
            if (
                len(members) > MOST_MEMBERS
                or sum(info.file_size for info in members) > MOST_UNPACKED_BYTES
                or sum(info.file_size for info in xml) > MOST_XML_BYTES
            ):
                raise DocumentError("too_large")
            for info in xml:
                if b"<!" in archive.read(info).replace(b"\0", b"").replace(b"<!--", b"").replace(
                    b"<![CDATA[", b""
                ):
                    raise DocumentError("hostile")
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, ValueError, OSError) as error:
        raise DocumentError("broken") from error


def _plain(data: bytes) -> Iterator[str]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        yield data.decode("utf-16", "replace")
    elif b"\0" in data[:4096]:
        raise DocumentError("unknown")
    else:
        try:
            yield data.decode("utf-8-sig")
        except UnicodeDecodeError:
            yield data.decode("cp1252", "replace")
