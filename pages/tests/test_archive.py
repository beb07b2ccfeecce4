"""Stored transcripts on pages: the list, search, reading, files, corrections."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.db import connections
from django.test import AsyncClient, Client
from django.urls import reverse

from pages.tests.conftest import ADMIN_PASSWORD, HOST_PASSWORD
from rooms.models import Hall, Room
from rooms.seed import settings_event
from rooms.tests.make import person, room
from transcripts.archive import PAGE_ENTRIES
from transcripts.models import Part, Sentence
from transcripts.removal import remove_sentence
from transcripts.services import (
    NewSentence,
    PartTerms,
    Translation,
    add_sentences,
    add_translations,
    correct_sentence,
    end_part,
    open_part,
)

pytestmark = pytest.mark.django_db
HTML = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def client(settings):
    settings.SECURE_SSL_REDIRECT = False
    return Client(headers=HTML)


def signed_in(client, password=HOST_PASSWORD):
    assert client.post("/login/form", {"password": password}).status_code == 302
    return client


def said(code, *texts, lang="en", title="", hall="", new_line=True, **terms):
    at = Room.objects.filter(code=code).first() or room(code, title=title or f"Title of {code}")
    if hall:
        at.hall, at.location = (
            Hall.objects.get_or_create(event=settings_event(), name=hall, slug=hall)[0],
            hall,
        )
        at.save()
    values = {"source_lang": lang, "store": True, "public": True, "owner_id": None, **terms}
    part = open_part(room=at, terms=PartTerms(**values))
    rows = [
        NewSentence(61_000 * n, 61_000 * n + 1900, text, new_line=new_line) for n, text in enumerate(texts)
    ]
    rows = add_sentences(part=part, sentences=rows)
    end_part(part=part)
    return rows


def translate(*rows, lang="de"):
    items = [Translation(row.index, f"{lang}: {row.text}", row.version) for row in rows]
    add_translations(part=rows[0].part, lang=lang, translations=items)


def page(client, path):
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def titles(html):
    return re.findall(r"Title of (\w+)", re.sub(r"<title>.*?</title>", "", html, flags=re.S))


class TestList:
    def test_everybody_sees_public_ones_and_a_host_its_own(self, client):
        host = person("host").pk
        said("OPEN", "One.")
        said("OWN", "One.", public=False, owner_id=host)
        said("OTHER", "One.", public=False, owner_id=person("ada").pk)
        assert titles(page(client, "/transcripts")) == ["OPEN"]
        html = page(signed_in(client), "/transcripts")
        assert sorted(titles(html)) == ["OPEN", "OWN"]
        assert "Not public" in html
        assert sorted(titles(page(signed_in(client, ADMIN_PASSWORD), "/transcripts"))) == [
            "OPEN",
            "OTHER",
            "OWN",
        ]

    def test_filters_narrow_the_list_and_come_only_where_they_tell_talks_apart(self, client):
        said("A", "One.", hall="blue")
        assert 'name="hall"' not in page(client, "/transcripts")
        said("B", "Eins.", hall="red", lang="de")
        assert titles(page(client, "/transcripts?hall=red")) == ["B"]
        assert titles(page(client, "/transcripts?lang=en")) == ["A"]
        assert "No transcript matches" in page(client, "/transcripts?hall=red&lang=en")
        assert "No transcript matches" in page(client, "/transcripts?day=1999-01-01")

    def test_in_the_hour_that_comes_twice_the_order_is_that_of_time(self, client):
        assert settings_event().zone.key == "Europe/Berlin"
        for code, minute in (("AFTER", 70), ("BEFORE", 50)):  # ten past and ten to three by the clocks there
            said(code, "One.")
            began = datetime(2025, 10, 26, tzinfo=UTC) + timedelta(minutes=minute)
            Part.objects.filter(room__code=code).update(started_at=began)
        assert titles(page(client, "/transcripts")) == ["BEFORE", "AFTER"]

    def test_long_lists_have_pages_and_cost_the_same_queries(self, client, django_assert_num_queries):
        said("R000", "One.")
        page(client, "/transcripts")
        with django_assert_num_queries(4):
            page(client, "/transcripts")
        for number in range(1, PAGE_ENTRIES + 2):
            said(f"R{number:03}", "One.")
        with django_assert_num_queries(4):
            html = page(client, "/transcripts")
        assert len(titles(html)) == PAGE_ENTRIES
        assert 'href="/transcripts?page=2"' in html
        assert len(titles(page(client, "/transcripts?page=2"))) == 2
        for odd in ("0", "-1", "99999", "x", "²"):
            page(client, f"/transcripts?page={odd}")

    def test_without_any_it_says_what_to_do(self, client):
        html = page(client, "/transcripts")
        assert "No transcripts yet" in html
        assert "Sign in to see your own" in html


class TestSearch:
    def test_found_sentences_lead_to_their_place(self, client):
        said("A", "Nothing here.", "Houses <b>burn</b>.")
        html = page(client, "/transcripts?q=house")
        assert "<mark>Houses</mark> &lt;b&gt;burn&lt;/b&gt;." in html
        assert 'href="/room/A/transcript?lang=en#p1-s1"' in html
        assert "1:01" in html

    def test_talks_are_found_by_title_and_by_who_spoke(self, client):
        said("A", "Words.")
        Room.objects.update(presenters=["Ada Lovelace"])
        assert "Title of A" in page(client, "/transcripts?q=lovelace")
        assert "Nothing found" in page(client, "/transcripts?q=babbage")

    def test_filters_hold_for_search_too(self, client):
        said("A", "A needle.", hall="blue")
        said("B", "A needle.", hall="red")
        assert titles(page(client, "/transcripts?q=needle&hall=red")) == ["B"]

    @pytest.mark.parametrize("query", ["%00", "-", "%27%22%3Cscript%3E", "x" * 300, "%F0%9F%8E%89"])
    def test_odd_queries_are_answered_in_words(self, client, query):
        said("A", "One.")
        assert (
            "<script>"
            not in page(client, f"/transcripts?q={query}")
            .split("</head>")[1]
            .split('<script type="module"')[0]
        )

    def test_nobody_finds_what_they_may_not_read(self, client):
        said("A", "A secret.", public=False, owner_id=person("ada").pk)
        assert "Nothing found" in page(signed_in(client), "/transcripts?q=secret")
        assert "secret" in page(signed_in(client, ADMIN_PASSWORD), "/transcripts?q=secret")


class TestReading:
    def test_sentences_have_their_times_languages_and_directions(self, client):
        rows = said("A", "One.", "Two.")
        translate(rows[0], lang="ar")
        html = page(client, "/room/A/transcript?lang=en&beside=ar")
        assert 'id="p1-s1"' in html
        assert 'href="#p1-s1"' in html
        assert ">1:01</a>" in html
        assert re.search(r'lang="ar" dir="rtl">ar: One\.', html)
        assert re.search(r'class="s instead" data-place="1 1" lang="en" dir="ltr">Two\.', html)

    def test_sentences_of_both_directions_are_not_on_one_line(self, client):
        rows = said("A", "One.", "Two.", "Three.", new_line=False)
        translate(rows[0], rows[2], lang="ar")
        html = page(client, "/room/A/transcript?lang=ar")
        assert re.findall(r'<p lang="\w+" dir="(\w+)">', html) == ["rtl", "ltr", "rtl"]

    def test_of_what_was_corrected_or_removed_only_the_present_text_is_there(self, client):
        one, two = said("A", "Wrong.", "Secret.")
        translate(one, two)
        correct_sentence(sentence=one, text="Right.")
        remove_sentence(two)
        html = page(client, "/room/A/transcript?lang=de&beside=en")
        assert "Right." in html
        for gone in ("Wrong.", "Secret."):
            assert gone not in html

    def test_who_may_not_read_it_is_asked_to_sign_in_or_told_so(self, client):
        said("A", "One.", public=False, owner_id=person("ada").pk)
        answer = client.get("/room/A/transcript?lang=en")
        assert answer.status_code == 302
        assert answer["Location"] == f"{reverse('pages:login')}?next=%2Froom%2FA%2Ftranscript%3Flang%3Den"
        assert signed_in(client).get("/room/A/transcript").status_code == 403
        assert signed_in(client, ADMIN_PASSWORD).get("/room/A/transcript").status_code == 200

    @pytest.mark.parametrize(
        "path", ["/room/NONE/transcript", "/room/A/transcript?part=7", "/room/EMPTY/transcript"]
    )
    def test_what_is_not_there_is_not_found(self, client, path):
        said("A", "One.")
        room("EMPTY")
        assert client.get(path).status_code == 404

    def test_talk_without_a_transcript_says_so_and_leads_on(self, client):
        room("EMPTY")
        html = client.get("/room/EMPTY/transcript").content.decode()
        assert "No transcript" in html
        assert 'href="/room/EMPTY"' in html

    @pytest.mark.parametrize(
        "query", ["lang=xx", "beside=en&lang=en", "from=x.y", "from=9.9", "part=²", "lang=%00"]
    )
    def test_odd_wishes_are_answered_with_the_page(self, client, query):
        said("A", "One.")
        page(client, f"/room/A/transcript?{query}")

    def test_text_is_escaped(self, client):
        said("A", "<script>alert(1)</script> & more", title="<b>Title</b>")
        html = page(client, "/room/A/transcript")
        assert "<script>alert" not in html
        assert "<b>Title" not in html

    def test_pages_of_a_very_long_talk_follow_each_other(self, client, monkeypatch):
        from transcripts.page import page_of
        from transcripts.reading import transcript_of

        said("A", *(f"Number {n}." for n in range(5)))
        said("A", "Again.")
        found = transcript_of(Room.objects.get(), None)
        seen, begin = [], (0, 0)
        while begin:
            shown = page_of(found, ["en"], begin=begin, most=2)
            seen += [item.text for part in shown.parts for row in part.paragraphs for item in row]
            begin = shown.behind
        assert seen == [*(f"Number {n}." for n in range(5)), "Again."]

    def test_the_conference_wire_s_transcripts_are_where_they_were(self, client):
        said("A", "One.")
        answer = client.get("/room/A/transcript/en")
        assert answer["Content-Type"] == "text/plain; charset=utf-8"
        assert client.get("/room/A/transcript/srt", headers={"Accept": "*/*"}).json()["status"] == "fail"

    @pytest.mark.parametrize("path", ["/transcripts", "/transcripts?q=one", "/room/A/transcript"])
    def test_pages_have_no_code_or_style_inside(self, client, path):
        said("A", "One.")
        html = page(signed_in(client, ADMIN_PASSWORD), path)
        assert not re.search(r"<script(?![^>]*(src=|application/json))", html)
        assert not re.search(r"<[^>]+\s(style|on\w+)=", html)


class TestFiles:
    @pytest.mark.django_db(transaction=True)
    async def test_files_come_as_attachments_with_a_safe_name(self, settings):
        settings.SECURE_SSL_REDIRECT = False
        await database_sync_to_async(said)("A", "Eins & zwei.", lang="de", title='Löten: "für" alle')
        answer = await AsyncClient().get("/room/A/transcript.vtt?lang=de")
        assert answer.status_code == 200
        assert answer["Content-Type"] == "text/vtt; charset=utf-8"
        assert (
            answer["Content-Disposition"] == "attachment; filename*=utf-8''A-l%C3%B6ten-f%C3%BCr-alle.de.vtt"
        )
        assert answer["X-Content-Type-Options"] == "nosniff"
        whole = b"".join([piece async for piece in answer])
        assert whole == b"WEBVTT\n\n00:00:00.000 --> 00:00:01.900\nEins &amp; zwei.\n\n"
        await sync_to_async(connections.close_all)()

    @pytest.mark.parametrize("form", ["exe", "html", "..", "srt?lang=fr", "srt?part=9"])
    def test_what_is_not_there_is_not_found(self, client, form):
        said("A", "One.")
        assert client.get(f"/room/A/transcript.{form}").status_code == 404

    def test_nobody_gets_what_they_may_not_read(self, client):
        said("A", "One.", public=False, owner_id=person("ada").pk)
        assert client.get("/room/A/transcript.srt").status_code == 403


class TestCorrections:
    def post(self, client, action, **body):
        place = {"part": 1, "index": 0, **body}
        return client.post(f"/api/transcripts/A/{action}", json.dumps(place), content_type="application/json")

    def test_host_corrects_looks_at_the_history_and_removes(self, client):
        said("A", "Wrong.", "Two.", owner_id=person("host").pk)
        signed_in(client)
        now = client.get("/api/transcripts/A/sentence?part=1&index=0").json()
        assert now == {"version": 1, "text": "Wrong.", "removed": False, "history": []}
        saved = self.post(client, "correct", version=1, text=" Right.\n", reason="misheard").json()
        assert (saved["text"], saved["version"]) == ("Right.", 3)
        assert self.post(client, "correct", version=1, text="Late.").json() == {"error": "sentence_changed"}
        [change] = client.get("/api/transcripts/A/sentence?part=1&index=0").json()["history"]
        assert (change["text"], change["by"], change["reason"]) == ("Wrong.", "host", "misheard")
        assert self.post(client, "remove", version=3, reason="asked to").status_code == 200
        assert client.get("/api/transcripts/A/sentence?part=1&index=0").json()["removed"]
        html = page(client, "/room/A/transcript")
        assert "1 removed sentence" in html
        assert "asked to" in html

    def test_only_who_may_correct_is_offered_to(self, client):
        said("A", "One.", owner_id=person("ada").pk)
        assert 'id="editor"' not in page(client, "/room/A/transcript")
        assert 'id="editor"' not in page(signed_in(client), "/room/A/transcript")
        assert 'id="editor"' in page(signed_in(client, ADMIN_PASSWORD), "/room/A/transcript")

    @pytest.mark.parametrize("action", ["correct", "remove"])
    def test_others_are_refused(self, client, action):
        said("A", "One.", owner_id=person("ada").pk)
        assert self.post(client, action, version=1, text="x").status_code == 401
        refused = self.post(signed_in(client), action, version=1, text="x")
        assert (refused.status_code, refused.json()) == (403, {"error": "not_your_transcript"})
        assert Sentence.objects.get().text == "One."

    def test_a_foreign_page_cannot_correct_anything(self):
        said("A", "One.", owner_id=person("host").pk)
        client = Client(enforce_csrf_checks=True, headers=HTML)
        user = person("host")
        client.force_login(user, backend="rooms.passwords.MarkedBackend")
        refused = self.post(client, "correct", version=1, text="x")
        assert (refused.status_code, refused.json()) == (403, {"error": "csrf"})

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"index": 5}, 404), ({"index": -1}, 404), ({"index": 2**40}, 404), ({"part": 9}, 404), ({"lang": "xx"}, 404),
            ({"text": ""}, 400), ({"text": "x" * 5000}, 400), ({"text": None}, 400), ({"version": "x"}, 400),
        ],
    )  # fmt: skip
    def test_odd_bodies_are_refused(self, client, body, status):
        said("A", "One.", owner_id=person("host").pk)
        assert (
            self.post(signed_in(client), "correct", **{"version": 1, "text": "x", **body}).status_code
            == status
        )

    def test_part_that_is_live_says_where_to_read_along(self, client):
        from asr.tests.make import join, room_session_of

        part = room_session_of(join("A")).part
        add_sentences(part=part, sentences=[NewSentence(0, 900, "One.")])
        assert 'href="/room/A">Live' in page(client, "/room/A/transcript")
        assert Part.objects.get().ended_at is None
