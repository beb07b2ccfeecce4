"""Slides and scripts for tests, good and hostile."""

from __future__ import annotations

import io
import zipfile
import zlib

from pptx import Presentation
from pptx.util import Inches


def slides(*texts: str, notes: str = "", table: str = "") -> bytes:
    """A presentation: a slide for each text."""
    presentation = Presentation()
    for text in texts:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = text
    if notes:
        slide.notes_slide.notes_text_frame.text = notes
    if table:
        shape = slide.shapes.add_table(1, 1, Inches(1), Inches(1), Inches(1), Inches(1))
        shape.table.cell(0, 0).text = table
    file = io.BytesIO()
    presentation.save(file)
    return file.getvalue()


def changed(data: bytes, name: str, content: bytes) -> bytes:
    """The archive with one member replaced, or added."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            if info.filename != name:
                new.writestr(info, old.read(info))
        new.writestr(name, content)
    return made.getvalue()


def pdf(text: str = "", *, stream: bytes | None = None, pages: int = 1) -> bytes:
    """A PDF of pages with one line each, or with this content stream, deflated."""
    content = zlib.compress(
        f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode("latin-1") if stream is None else stream
    )
    kids = " ".join(f"{4 + number} 0 R" for number in range(pages))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        *(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {4 + pages} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>".encode()
            for _ in range(pages)
        ),
        f"<< /Length {len(content)} /Filter /FlateDecode >>\nstream\n".encode() + content + b"\nendstream",
    ]
    body, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, start=1):
        places.append(len(body))
        body += f"{number} 0 obj\n".encode() + each + b"\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    return (
        body
        + (
            f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\n"
            f"startxref\n{len(body)}\n%%EOF\n"
        ).encode()
    )


BILLION_LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE p [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><p>&j;</p>"
)
