"""How late a line was on a real screen: said by pages whose readers let them, and by no other."""

from __future__ import annotations

import itertools
import json
import time
from datetime import timedelta

import pytest
import requests
from django.utils import timezone
from playwright.sync_api import Page, expect
from prometheus_client.parser import text_string_to_metric_families

from pages.tests.conftest import watch
from pages.tests.talk import Talk

WITHIN_S = 60
AT_ONCE = "Math.random = () => 0"  # else it waits for up to half a minute before its first report
NOT_OBSERVED = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { value: true })"
SWITCHED_OFF = "localStorage.setItem('souffleur.reading', JSON.stringify({ measure: false }))"
pytestmark = pytest.mark.browser


def counted(server: str) -> tuple[float, float]:
    """Reports, and the sum of their seconds, of who reads English."""
    text = requests.get(f"{server}/metrics", timeout=WITHIN_S).text
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("souffleur_mouth_to_screen_seconds_") and sample.labels.get("lang") == "en"
    }
    return tuple(found.get(f"souffleur_mouth_to_screen_seconds_{part}", 0.0) for part in ("count", "sum"))


def said_by(page: Page) -> list[str]:
    """The kinds of messages that a page sends, as it goes on."""
    kinds: list[str] = []
    page.on(
        "websocket",
        lambda socket: socket.on("framesent", lambda frame: kinds.append(json.loads(frame)["type"])),
    )
    return kinds


def test_a_page_says_when_a_line_was_on_its_screen_unless_its_reader_does_not_want_it(
    new_context, page, server
):
    talk = Talk().open()
    talk.say("Said before.")
    refusing, silent = (new_context().new_page() for _ in range(2))
    refusing.add_init_script(NOT_OBSERVED)
    silent.add_init_script(SWITCHED_OFF)
    kinds, errors = [], []
    for each in (page, refusing, silent):
        each.add_init_script(AT_ONCE)
        errors.append(watch(each))
        kinds.append(said_by(each))
        each.goto("/room/TALK")
        expect(each.locator("#state")).to_have_text("Live")
    before = counted(server)
    deadline = time.monotonic() + WITHIN_S
    for number in itertools.count():  # where the way to the server is slow, the page waits for the next line
        talk.say(f"Sentence {number}.", spoken_at=timezone.now() - timedelta(seconds=2))
        for each in (page, refusing, silent):
            expect(each.locator("#own")).to_contain_text(f"Sentence {number}.")
        if (after := counted(server))[0] > before[0] or time.monotonic() > deadline:
            break
    assert after[0] - before[0] >= 1, kinds
    assert 2 <= (after[1] - before[1]) / (after[0] - before[0]) < WITHIN_S
    while "shown" not in kinds[0] and time.monotonic() < deadline + WITHIN_S:
        page.evaluate("new Promise(requestAnimationFrame)")  # the server may know of a message before we do
    assert kinds[0].count("ping") >= 3, kinds[0]
    assert "shown" in kinds[0]
    assert "shown" not in kinds[1] + kinds[2]
    for each in (refusing, silent):
        each.locator("#open-style").click()
    switch = refusing.get_by_label("Help to measure")
    expect(switch).to_be_disabled()
    expect(switch).not_to_be_checked()
    expect(refusing.get_by_text("Your browser asks")).to_be_visible()
    switch = silent.get_by_label("Help to measure")
    expect(switch).not_to_be_checked()
    silent.locator("#reset").click()
    expect(switch).not_to_be_checked()
    switch.check()
    assert silent.evaluate("readingStyle.load().measure") is True
    assert not any(errors), errors
