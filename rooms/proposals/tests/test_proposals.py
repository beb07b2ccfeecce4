"""Terms proposed from the programme, slides and scripts; and what hostile files may not do."""

from __future__ import annotations

import time

import pytest
from pypdf import PdfReader, PdfWriter

from rooms.errors import BadInput
from rooms.proposals import documents
from rooms.proposals.documents import DocumentError, text_of
from rooms.proposals.ranking import Words, proposed
from rooms.proposals.services import Bounds, propose_terms
from rooms.proposals.tests.files import BILLION_LAUGHS, changed, pdf, slides
from rooms.tests.make import room

SECONDS = 60  # within which a busy machine refuses


def test_text_of_slides_notes_and_tables_is_read():
    text = text_of(slides("The borrow checker", "Lifetimes", notes="Say hello to Ferris.", table="rustc"))
    assert all(word in text for word in ("The borrow checker", "Lifetimes", "Say hello to Ferris.", "rustc"))


def test_text_of_a_pdf_is_read():
    assert "PostgreSQL in the kernel" in text_of(pdf("PostgreSQL in the kernel"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_plain_text_is_read_in_any_usual_encoding(encoding):
    assert text_of("Grüße vom Vortrag".encode(encoding)) == "Grüße vom Vortrag"


def encrypted() -> bytes:
    import io

    writer, made = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf("secret")))), io.BytesIO()
    writer.encrypt("password", algorithm="RC4-128")
    writer.write(made)
    return made.getvalue()


HOSTILE = {
    "no document": (lambda: b"\x7fELF\0\0\0", "unknown"),
    "another archive": (lambda: changed(slides("a"), "x", b"").replace(b"ppt/presentation.xml", b"ppt/presentatiom.xml"), "unknown"),
    "entities that grow": (lambda: changed(slides("a"), "ppt/slides/slide1.xml", BILLION_LAUGHS), "hostile"),
    "entities in UTF-16": (lambda: changed(slides("a"), "ppt/slides/slide1.xml", BILLION_LAUGHS.decode().encode("utf-16")), "hostile"),
    "XML that unpacks to 40 MB": (lambda: changed(slides("a"), "ppt/slides/slide1.xml", b"<a>" + b" " * (40 << 20)), "too_large"),
    "pictures that unpack to 200 MB": (lambda: changed(slides("a"), "ppt/media/x.png", bytes(200 << 20)), "too_large"),
    "a damaged archive": (lambda: slides("a")[:-400], "broken"),
    "a slide that is no XML": (lambda: changed(slides("a"), "ppt/slides/slide1.xml", b"<p:sld"), "broken"),
    "a damaged PDF": (lambda: pdf("a")[:60], "broken"),
    "a PDF with a password": (encrypted, "protected"),
    "a PDF without words": (lambda: pdf(""), "empty"),
    "nothing but spaces": (lambda: b" \n" * 10, "empty"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.parametrize("kind", HOSTILE)
def test_what_cannot_be_read_is_refused_with_the_reason(kind):
    make, code = HOSTILE[kind]
    with pytest.raises(DocumentError, match=f"^{code}$"):
        text_of(make())


def test_pages_and_characters_are_bounded():
    assert text_of(pdf("word", pages=documents.MOST_PAGES + 50)).count("word") == documents.MOST_PAGES
    assert len(text_of(b"word " * 500_000)) == documents.MOST_CHARS


class TestRanking:
    def test_names_spellings_and_rare_words_come_before_what_everybody_says(self):
        words = Words(
            title="Lifetimes without tears: how rustc thinks",
            abstract="We look at PostgreSQL 18 and eBPF, and meet Ada Lovelace. It is great and it is about people.",
            speakers=("Grace Hopper",),
            text="The borrow checker is kind. A borrow checker is not magic.\nWhy a borrow checker? Because of monomorphisation.",
        )
        found = proposed(words)
        assert found[0] == "Grace Hopper"
        assert {"rustc", "PostgreSQL", "eBPF", "Ada Lovelace", "borrow checker", "monomorphisation"} <= set(
            found
        )
        assert not {"great", "people", "about", "The", "thinks", "Ada"} & set(found)

    def test_german_nouns_are_not_taken_for_names(self):
        words = Words(
            title="Der Umgang mit der Zeit",
            abstract="Die Menschen im Saal lernen das Morsealphabet.",
            lang="de",
        )
        found = proposed(words)
        assert "Morsealphabet" in found
        assert not {"Umgang", "Zeit", "Menschen", "Saal"} & set(found)

    def test_proposals_are_bounded_and_each_once(self):
        words = Words(text=" ".join(f"Xylo{chr(97 + n % 26)}{chr(97 + n // 26)}plex" for n in range(400)) * 2)
        found = proposed(words)
        assert len(found) == len(set(found)) == 60


@pytest.mark.django_db
class TestService:
    def test_terms_of_the_talk_that_its_glossary_lacks_are_proposed_and_nothing_is_written(self):
        at = room(
            "TALK1",
            title="Inside PostgreSQL",
            presenters=["Grace Hopper"],
            abstract="",
            glossary="Grace Hopper = de: Hopper",
        )
        found = propose_terms(at, slides("The walsender process"))
        assert {"PostgreSQL", "walsender"} <= set(found)
        assert "Grace Hopper" not in found
        at.refresh_from_db()
        assert at.glossary == "Grace Hopper = de: Hopper"
        assert "PostgreSQL" in propose_terms(at)

    @pytest.mark.parametrize(
        "bounds", [Bounds(cpu_s=1), Bounds(within_s=0.1), Bounds(memory_bytes=1 << 20)], ids=str
    )
    def test_document_that_takes_too_much_ends_its_own_process_alone(self, bounds):
        endless = pdf(stream=b"(x) Tj " * 2_000_000)
        began = time.monotonic()
        with pytest.raises(BadInput, match="document_too_large"):
            propose_terms(room("TALK1"), endless, bounds=bounds)
        assert time.monotonic() - began < SECONDS
        assert "PostgreSQL" in propose_terms(room("TALK2", title="Inside PostgreSQL"))

    def test_document_that_is_too_large_is_not_read_at_all(self):
        with pytest.raises(BadInput, match="document_too_large"):
            propose_terms(room("TALK1"), bytes(documents.DOCUMENT_MOST_BYTES + 1))
