"""/demo/meetings in a real Chromium, on a whole stack with the scripted recogniser."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from ops import browser as drive
from ops.faults.stack import HOST_PASSWORD, Stack
from pages.tests.conftest import watch

pytestmark = [pytest.mark.browser, pytest.mark.stack]


HEARD_S = 2.3  # five words, half a second each: the last one's end is no edge, a browser's sound rings on for a millisecond


def speech(seconds: float) -> bytes:
    """What the scripted recogniser hears words in: a WAV file."""
    file = io.BytesIO()
    samples = np.random.default_rng(5).normal(0, 0.1, int(seconds * 16_000))
    with wave.open(file, "wb") as written:
        written.setparams((1, 2, 16_000, 0, "NONE", ""))
        written.writeframes((samples * 32767).astype("<i2").tobytes())
    return file.getvalue()


def test_two_who_speak_are_read_apart_in_the_order_in_which_they_spoke(browser: Browser, shared_stack: Stack):
    context = drive.context(browser, shared_stack.url, viewport=drive.PHONE)
    drive.sign_in(context, HOST_PASSWORD)
    page = context.new_page()
    errors = watch(page)
    page.goto("/demo/meetings")
    for name in ("ada", "bo"):
        page.locator(f"#{name}-source").select_option("file")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("Choose a file first.")).to_have_count(2)
    expect(page.locator("#state")).to_have_text("Not started")
    for name in ("ada", "bo"):
        page.locator(f"#{name}-file").set_input_files(
            {"name": "speech.wav", "mimeType": "audio/wav", "buffer": speech(HEARD_S)}
        )
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#interims li").first).to_be_visible()
    expect(page.locator("#state")).to_have_text("Not started")  # both are over, and the meeting with them
    for name in ("ada", "bo"):
        finals = page.locator(f"#finals li[data-person={name}] .text")
        words = " ".join(finals.all_inner_texts()).replace(".", "").lower().split()
        assert words == [f"s0001w{n}" for n in (1, 2, 3, 4)] + ["s0002w1"]
    times = [int(line.get_attribute("data-ts") or 0) for line in page.locator("#finals li").all()]
    assert times == sorted(times)
    expect(page.locator("#interims li")).to_have_count(0)
    assert not errors
    context.close()


def test_whoever_may_not_host_is_asked_to_sign_in(browser: Browser, shared_stack: Stack):
    context = drive.context(browser, shared_stack.url)
    page = context.new_page()
    page.goto("/demo/meetings")
    expect(page).to_have_url(f"{shared_stack.url}/login?next=%2Fdemo%2Fmeetings")
    context.close()
