"""/room/X/type in a real Chromium, beside the scripted recogniser: a process of this test's serves the room."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Thread

import numpy as np
import pytest
from django.conf import settings
from django.db import connections
from playwright.sync_api import Page, expect

from asr import runtime
from asr.leases import Lease
from asr.process import Node, serve
from asr.rooms.ending import close_room
from asr.tests.make import TERMS, join, log_of
from ops import browser as drive
from pages.tests.conftest import HOST_PASSWORD, NewContext, watch
from pages.tests.test_every_page import violations
from rooms.models import Room
from rooms.tests.make import room as make_room
from transcripts.models import Sentence

pytestmark = pytest.mark.browser
WITHIN_MS = 60_000
expect.set_options(timeout=WITHIN_MS)


class Speaker:
    """Somebody who speaks in room TYPED, heard by a process."""

    def __init__(self) -> None:
        self.room: Room = make_room("TYPED", presenters=["Ada Lovelace"], glossary="Souffleur\nDjango")
        self.host_lease = join(self.room, terms=TERMS)
        self._log = log_of(self.host_lease)
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def speaks(self, seconds: float) -> None:
        noise = np.random.default_rng(5).normal(0, 3000, int(seconds * 16_000))
        self._log.append("pcm", noise.astype("<i2").tobytes())

    def stops(self) -> None:
        self._log.append("end", b"")
        if self._thread.is_alive():
            close_room(self.room.pk)
        self._thread.join(WITHIN_MS / 1000)

    @property
    def texts(self) -> list[str]:
        rows = Sentence.objects.filter(part__room=self.room, track__lang="en")
        return list(rows.order_by("index").values_list("text", flat=True))

    def _serve(self) -> None:
        try:
            serve(
                Lease(self.host_lease.session_id, 1), Node("asr@test", 4711),
                make_captioner=runtime.make_captioner, redis_url=settings.REDIS_URL,
            )  # fmt: skip
        finally:
            connections.close_all()


@pytest.fixture
def speaker(server: str) -> Iterator[Speaker]:
    speaker = Speaker()
    yield speaker
    speaker.stops()


@pytest.fixture
def typist(new_context: NewContext, speaker: Speaker) -> Iterator[Page]:
    """The page of a captioner who has signed in and is connected."""
    context = new_context(viewport=drive.DESKTOP)
    drive.sign_in(context, HOST_PASSWORD)
    page = context.new_page()
    errors = watch(page)
    page.goto("/room/TYPED/type")
    expect(page.locator("#connection")).to_have_text("Connected")
    expect(page.locator("#typed")).to_be_focused()
    yield page
    assert errors == []


def holder(page: Page, who: str) -> None:
    expect(page.locator("#pen")).to_have_attribute("data-holder", who)


def test_person_types_viewers_see_it_and_the_recogniser_takes_over_when_they_stop(
    typist: Page, speaker: Speaker, new_context: NewContext
):
    viewer = new_context().new_page()
    viewer.goto("/room/TYPED?lang=en")
    speaker.speaks(2.1)
    expect(typist.locator("#audience")).to_contain_text("S0001w1 s0001w2 s0001w3 s0001w4.")
    holder(typist, "nobody")
    typist.keyboard.type("Good mor")
    holder(typist, "you")
    expect(viewer.locator("main")).to_contain_text("Good mor")
    assert violations(typist) == []
    typist.keyboard.type("ning.")
    speaker.speaks(2.1)
    typist.keyboard.press("Enter")
    stopped_at = time.monotonic()
    expect(typist.locator("#typed")).to_have_value("")
    expect(typist.locator("#audience")).to_contain_text("Good morning.")
    expect(viewer.locator("main")).to_contain_text("Good morning.")
    holder(typist, "nobody")
    print(f"the recogniser took over {time.monotonic() - stopped_at:.1f} s after the last key")
    speaker.speaks(4)
    expect(typist.locator("#audience")).to_contain_text("S0004w1")
    expect(viewer.locator("main")).to_contain_text("S0004w1")
    assert speaker.texts.count("Good morning.") == 1


def test_everything_is_done_by_keys(typist: Page, speaker: Speaker):
    typist.keyboard.type("From ")
    typist.keyboard.press("Alt+Digit1")
    expect(typist.locator("#typed")).to_have_value("From Ada Lovelace ")
    typist.keyboard.press("Enter")
    typist.keyboard.type("Tow.")
    typist.keyboard.press("Enter")
    expect(typist.locator("#audience")).to_contain_text("Tow.")
    typist.keyboard.press("ArrowUp")
    corrected = typist.get_by_label("The corrected sentence", exact=False)
    expect(corrected).to_be_focused()
    corrected.fill("Two.")
    typist.keyboard.press("Enter")
    expect(typist.locator("#typed")).to_be_focused()
    expect(typist.locator("#audience")).to_contain_text("Two.")
    typist.keyboard.press("Alt+KeyZ")
    expect(typist.locator("#typed")).to_have_value("Two.")
    expect(typist.locator("#audience")).not_to_contain_text("Two.")
    typist.keyboard.type(" Three.")
    holder(typist, "you")
    typist.keyboard.press("Control+Enter")
    holder(typist, "nobody")
    expect(typist.locator("#audience")).to_contain_text("Two. Three.")
    assert speaker.texts == ["From Ada Lovelace", "Two. Three."]


def test_what_is_typed_without_a_connection_is_sent_once_when_it_is_back(typist: Page, speaker: Speaker):
    typist.keyboard.type("Before.")
    typist.keyboard.press("Enter")
    expect(typist.locator("#audience")).to_contain_text("Before.")
    typist.context.set_offline(True)
    expect(typist.locator("#connection")).to_have_text("Connection lost, trying again")
    typist.keyboard.type("During.")
    typist.keyboard.press("Enter")
    expect(typist.locator("#waiting")).to_have_text("1 sentence is not sent yet")
    assert "During." in typist.evaluate("sessionStorage.getItem('typed:TYPED')")
    typist.context.set_offline(False)
    expect(typist.locator("#connection")).to_have_text("Connected")
    expect(typist.locator("#waiting")).to_be_hidden()
    typist.keyboard.type("Half a sen")
    typist.reload()
    expect(typist.locator("#typed")).to_have_value("Half a sen")
    typist.locator("#typed").press("End")
    typist.keyboard.type("tence.")
    typist.keyboard.press("Enter")
    expect(typist.locator("#audience")).to_contain_text("Half a sentence.")
    assert speaker.texts == ["Before.", "During.", "Half a sentence."]


def test_second_captioner_waits_for_the_first_and_a_closed_room_says_so(
    typist: Page, speaker: Speaker, new_context: NewContext
):
    context = new_context(viewport=drive.DESKTOP)
    drive.sign_in(context, HOST_PASSWORD)
    second = context.new_page()
    second.goto("/room/TYPED/type")
    expect(second.locator("#connection")).to_have_text("Connected")
    typist.get_by_label("Keep the recogniser quiet").check()
    holder(typist, "you")
    holder(second, "other")
    second.keyboard.type("Mine.")
    second.keyboard.press("Enter")
    expect(second.locator("#waiting")).to_have_text("1 sentence is not sent yet")
    typist.get_by_label("Keep the recogniser quiet").uncheck()
    expect(second.locator("#audience")).to_contain_text("Mine.")
    speaker.stops()
    expect(second.locator("#closed")).to_be_visible()
    second.keyboard.type("Too late.")
    second.keyboard.press("Enter")
    expect(second.locator("#notice")).to_contain_text("This room is not open")
    expect(second.locator("#waiting")).to_have_text("1 sentence is not sent yet")
    assert speaker.texts == ["Mine."]


def test_room_is_captioned_without_any_microphone(new_context: NewContext, server: str):
    make_room("ALONE")
    context = new_context(viewport=drive.PHONE)
    drive.sign_in(context, HOST_PASSWORD)
    page = context.new_page()
    page.goto("/room/ALONE/type")
    page.get_by_label("Keep the text").check()
    assert violations(page) == []
    page.get_by_role("button", name="Open the room").click()
    holder(page, "alone")
    page.keyboard.type("Good morning.")
    page.keyboard.press("Enter")
    expect(page.locator("#audience")).to_contain_text("Good morning.")
    assert violations(page) == []
    page.get_by_role("button", name="Close the room").click()
    expect(page.locator("#close")).to_be_hidden()
    assert Sentence.objects.get(part__room__code="ALONE").text == "Good morning."
