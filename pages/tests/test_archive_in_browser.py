"""Reading, searching, downloading and correcting a transcript in a browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from pages.tests.conftest import sign_in
from rooms.models import Room
from rooms.tests.make import person, room
from transcripts.models import Sentence
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

pytestmark = pytest.mark.browser


def said(*texts: str, translated: bool = False) -> list[Sentence]:
    at = room("A", title="A talk to read")
    owner = person("host").pk
    part = open_part(room=at, terms=PartTerms("en", store=True, public=True, owner_id=owner))
    rows = add_sentences(
        part=part,
        sentences=[
            NewSentence(60_000 * n, 60_000 * n + 900, text, new_line=True) for n, text in enumerate(texts)
        ],
    )
    if translated:
        items = [Translation(row.index, f"Deutsch {row.index}.", row.version) for row in rows]
        add_translations(part=part, lang="de", translations=items)
    end_part(part=part)
    return rows


def test_reader_finds_words_goes_to_a_moment_and_downloads(page: Page):
    said(*(f"Sentence {n} about tea." if n % 20 else f"Sentence {n} about café." for n in range(120)))
    page.goto("/transcripts?q=cafe")
    page.goto("/transcripts?q=café")
    page.get_by_role("link", name=re.compile("Sentence 20 about café")).click()
    expect(page.locator("#p1-s20")).to_be_in_viewport()
    page.get_by_label("Search in this transcript").fill("CAFE")
    expect(page.locator("#found")).to_have_text("1 of 6")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator("#found")).to_have_text("3 of 6")
    expect(page.locator("#p1-s40")).to_be_in_viewport()
    page.goto("/room/A/transcript#t=1:30:30")
    expect(page.locator("#p1-s90")).to_be_in_viewport()
    page.evaluate("scrollTo(0, 0)")
    page.locator(".files > summary").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Subtitles, SubRip").click()
    assert download.value.suggested_filename == "A-a-talk-to-read.en.srt"
    assert download.value.path().read_text("utf-8").startswith("1\n00:00:00,000 --> ")


def test_host_corrects_with_the_keyboard_and_is_told_when_somebody_was_faster(page: Page):
    one, _two, three = said("Won.", "Two.", "Tree.", translated=True)
    sign_in(page)
    page.goto("/room/A/transcript")
    page.get_by_role("button", name="Correct", exact=True).press("Enter")
    page.locator("#p1-s0").press("Enter")
    field = page.get_by_label("How it should read")
    expect(field).to_have_value("Won.")
    correct_sentence(sentence=one, text="1.")
    field.fill("One.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody else has changed")
    expect(field).to_have_value("1.")
    field.fill("One.")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#editor")).to_be_hidden()
    expect(page.locator("#p1-s0")).to_have_text("One.")
    expect(page.locator("#p1-s0")).to_be_focused()
    assert Sentence.objects.get(track__lang="en", index=0).text == "One."

    page.locator("#p1-s2").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_role("button", name="Remove for good").click()
    expect(page.locator("#p1-s2")).to_have_count(0)
    assert not Sentence.objects.filter(index=three.index).exists()
    page.reload()
    expect(page.get_by_text("1 removed sentence")).to_be_visible()
    page.get_by_role("button", name="Correct", exact=True).click()
    page.locator("#p1-s0").click()
    expect(page.locator("#editor-history li")).to_have_count(1)
    assert Room.objects.count() == 1
