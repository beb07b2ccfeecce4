"""/room/X/terms: lines edited, proposed and refused; and the same as JSON."""

import json
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from config.servers.limits import BODY_LIMIT_BYTES, longest_body_bytes
from rooms.proposals.documents import DOCUMENT_MOST_BYTES
from rooms.proposals.tests.files import slides
from rooms.tests.make import person, room

pytestmark = pytest.mark.django_db
PAGE, API = "/room/TALK1/terms", "/api/room/TALK1/terms"


@pytest.fixture
def client(settings):
    settings.SECURE_SSL_REDIRECT = False
    client = Client(headers={"Accept": "text/html"})
    client.force_login(person("ada"))
    return client


@pytest.fixture
def talk():
    return room("TALK1", title="Inside PostgreSQL", glossary="walsender")


def before(client) -> str:
    """The mark that the form carries."""
    return re.search(r'name="before" value="(\w+)"', client.get(PAGE).content.decode())[1]


def save(client, text, **more):
    return client.post(PAGE, {"act": "save", "before": before(client), "glossary": text, **more})


def test_lines_are_saved_with_what_was_accepted_and_noted(client, talk):
    answer = save(client, "walsender\r\nkernel = pt: núcleo\r\n", accepted=["PostgreSQL", "walsender"])
    assert answer["Location"] == f"{PAGE}?saved"
    talk.refresh_from_db()
    assert talk.glossary == "walsender\nkernel = pt: núcleo\nPostgreSQL"
    assert "Saved." in client.get(f"{PAGE}?saved").content.decode()
    assert LogEntry.objects.get().change_message == "Changed its terms."


def test_lines_that_are_none_are_named_and_what_was_typed_stays(client, talk):
    answer = save(client, "kernel\nterm = termo")
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "Line 2: “termo” lacks its language." in page
    assert "term = termo</textarea>" in page
    german = client.post(
        PAGE,
        {"act": "save", "before": before(client), "glossary": "a = b"},
        headers={"Accept-Language": "de"},
    )
    assert "Zeile 1: Bei „b“ fehlt die Sprache." in german.content.decode()
    talk.refresh_from_db()
    assert talk.glossary == "walsender"


def test_what_another_has_saved_meanwhile_is_not_overwritten_unseen(client, talk):
    mark = before(client)
    save(client, "theirs")
    answer = client.post(PAGE, {"act": "save", "before": mark, "glossary": "mine"})
    assert answer.status_code == 409
    assert "mine</textarea>" in answer.content.decode()
    assert save(client, "mine").status_code == 302


def test_terms_of_slides_are_proposed_and_neither_they_nor_the_file_are_kept(client, talk):
    file = SimpleUploadedFile("slides.pptx", slides("The autovacuum launcher"))
    page = client.post(
        PAGE, {"act": "propose", "before": "", "glossary": "walsender\nunsaved", "document": file}
    ).content.decode()
    assert 'name="accepted" value="PostgreSQL"' in page
    assert 'name="accepted" value="autovacuum"' in page
    assert "unsaved</textarea>" in page
    talk.refresh_from_db()
    assert talk.glossary == "walsender"


def test_file_that_cannot_be_read_is_refused_in_words(client, talk):
    file = SimpleUploadedFile("slides.exe", b"MZ\0\0")
    answer = client.post(PAGE, {"act": "propose", "glossary": "typed", "document": file})
    assert answer.status_code == 400
    assert "This is no PDF" in answer.content.decode()
    assert "typed</textarea>" in answer.content.decode()


def test_programs_read_write_and_have_proposed_the_same(client, talk):
    written = client.put(
        API, json.dumps({"glossary": "kernel = pt: núcleo\nGo"}), content_type="application/json"
    )
    assert written.json() == client.get(API).json() == {
        "glossary": "kernel = pt: núcleo\nGo",
        "terms": [{"term": "kernel", "translations": {"pt": "núcleo"}}, {"term": "Go", "translations": {}}],
    }  # fmt: skip
    refused = client.put(API, json.dumps({"glossary": "a\nb =\nc\nc"}), content_type="application/json")
    assert (refused.status_code, refused.json()) == (400, {
        "error": "bad_glossary",
        "problems": [{"line": 2, "code": "no_translation", "named": ""}, {"line": 4, "code": "term_twice", "named": "c"}],
    })  # fmt: skip
    file = SimpleUploadedFile("notes.txt", b"Monomorphisation explained")
    found = client.post(f"{API}/proposals", {"document": file}).json()["terms"]
    assert {"Monomorphisation", "PostgreSQL"} <= set(found)
    broken = client.post(f"{API}/proposals", {"document": SimpleUploadedFile("x.pdf", b"%PDF-1.4 x")})
    assert (broken.status_code, broken.json()) == (400, {"error": "document_broken"})


def test_who_is_not_signed_in_may_neither_read_nor_write(talk, settings):
    settings.SECURE_SSL_REDIRECT = False
    nobody = Client(headers={"Accept": "text/html"})
    assert nobody.get(PAGE)["Location"].startswith("/login?")
    assert nobody.post(PAGE, {"act": "save", "glossary": "x"}).status_code == 302
    assert nobody.get(API).status_code == 401
    assert nobody.put(API, "{}", content_type="application/json").status_code == 401
    talk.refresh_from_db()
    assert talk.glossary == "walsender"


def test_server_takes_documents_there_and_nowhere_else():
    for path in (PAGE, f"{API}/proposals"):
        assert longest_body_bytes(path) > DOCUMENT_MOST_BYTES
    for path in (API, "/room/TALK1/host", "/room/a/b/terms", f"{PAGE}/x"):
        assert longest_body_bytes(path) == BODY_LIMIT_BYTES
