"""/demo/echo: what a visitor sees of their microphone and of the way to the server; how delays and losses are counted."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
COUNT = """async (steps) => {
  const { RoundTrips } = await import("/static/js/demos/round_trips.js");
  const trips = new RoundTrips();
  return steps.map(([call, ...values]) => {
    const found = trips[call](...values);
    return call === "summary" ? [found.delayMs, found.slowestMs, found.lostPercent, found.recent.length] : found ?? null;
  });
}"""


def counted(page: Page, *steps: tuple[object, ...]) -> list[object]:
    page.goto("/login")
    found: list[object] = page.evaluate(COUNT, [list(step) for step in steps])
    return found


def test_a_visitor_sees_level_delay_and_loss_until_they_stop(page: Page) -> None:
    page.goto("/demo/echo")
    page.locator("#hear").check()
    page.locator("#start").click()
    expect(page.locator("#state")).to_have_text("Speak: it comes back")
    expect(page.locator("#delay")).to_have_text(re.compile(r"^\d+ ms$"))
    expect(page.locator("#lost")).to_have_text(re.compile(r"^\d+\.\d %$"))
    for bar in ("#said", "#back"):  # Chromium's own microphone beeps every second
        expect(page.locator(bar)).to_have_attribute("aria-valuenow", re.compile(r"^([2-9]\d|100)$"))
    expect(page.locator("#line")).not_to_have_attribute("points", "")
    page.locator("#stop").click()
    expect(page.locator("#state")).to_have_text("Not started")
    expect(page.locator("#start")).to_be_visible()


def test_a_browser_without_a_microphone_is_told_what_to_do(page: Page) -> None:
    page.add_init_script("delete Object.getPrototypeOf(navigator).mediaDevices")
    page.goto("/demo/echo")
    page.locator("#start").click()
    expect(page.locator("#trouble")).to_contain_text("secure pages only")
    expect(page.locator("#start")).to_be_enabled()


def test_delays_and_losses_are_counted_as_they_happen(page: Page) -> None:
    assert counted(page, ("sendsNow", 0, 0), ("came", 0, 30), ("summary", 100))[1:] == [30, [30, 30, 0, 1]]
    assert counted(page, ("came", 5, 0), ("summary", 0)) == [None, [None, 0, 0, 0]]
    lost = counted(
        page, ("sendsNow", 0, 0), ("sendsNow", 1, 10), ("came", 1, 20), ("summary", 1500), ("summary", 2100)
    )
    assert lost[3:] == [[None, 10, 0, 1], [None, 10, 50, 1]]
    late = counted(page, ("sendsNow", 0, 0), ("summary", 2100), ("came", 0, 2200), ("summary", 2200))
    assert late[1:] == [[None, 0, 100, 0], None, [None, 0, 100, 0]]


def test_a_broken_connection_takes_along_what_was_under_way(page: Page) -> None:
    broken = counted(
        page,
        ("sendsNow", 0, 0),
        ("sendsNow", 1, 0),
        ("came", 0, 9),
        ("broke",),
        ("skipped",),
        ("summary", 10),
    )
    assert broken[-1] == pytest.approx([9, 9, 200 / 3, 1])


def test_seconds_of_delay_are_no_wider_than_a_small_phone(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 700})
    page.goto("/demo/echo")
    wide = """() => {
      for (const [name, text] of [["delay", "1,843 ms"], ["slowest", "12,345 ms"], ["lost", "100.0 %"]])
        document.getElementById(name).textContent = text;
      return document.documentElement.scrollWidth - document.documentElement.clientWidth;
    }"""
    assert page.evaluate(wide) == 0
