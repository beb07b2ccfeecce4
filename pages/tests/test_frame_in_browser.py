"""The frame in a real Chromium."""

import pytest
from playwright.sync_api import Page, expect

from pages.tests.conftest import sign_in

pytestmark = pytest.mark.browser
LIGHT, DARK = "rgb(250, 248, 244)", "rgb(16, 23, 28)"


def test_language_colours_and_signing_in_work_without_loading_anything_from_elsewhere(
    page: Page, server: str
):
    elsewhere = []
    page.on(
        "request",
        lambda asked: None if asked.url.startswith((server, "data:")) else elsewhere.append(asked.url),
    )
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.locator("#settings-menu summary").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Dark")).to_be_hidden()
    sign_in(page)
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.locator("#settings-menu summary").click()
    expect(page.get_by_text("Signed in as host")).to_be_visible()
    page.get_by_role("button", name="Deutsch").click()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    assert elsewhere == []


@pytest.mark.parametrize(
    ("chosen", "device", "paper"),
    [
        ("system", "light", LIGHT), ("system", "dark", DARK), ("dark", "light", DARK), ("light", "dark", LIGHT),
    ],
)  # fmt: skip
def test_colours_are_those_that_were_chosen_or_else_the_device_s(new_context, chosen, device, paper):
    page = new_context(theme=chosen, color_scheme=device).new_page()
    page.goto("/login")
    expect(page.locator("body")).to_have_css("background-color", paper)
