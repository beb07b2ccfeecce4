"""Every page of pages/shown.py, as it is shown: complete, without an error, and accessible by the rules of axe-core."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from playwright.sync_api import Page

from ops import browser as drive
from ops.showcase import rows
from pages.shown import SHOWN, ShownPage
from pages.tests.conftest import ADMIN_PASSWORD, HOST_PASSWORD, NewContext, watch

pytestmark = pytest.mark.browser
AXE = Path(__file__).parent / "vendor" / "axe.min.js"  # axe-core 4.14.1, from npm
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PASSWORDS = {"host": HOST_PASSWORD, "admin": ADMIN_PASSWORD}
LOOKS = [("light", "en", drive.PHONE), ("dark", "de", drive.DESKTOP)]
RUN_AXE = """rules => axe.run(document, {runOnly: rules, resultTypes: ["violations"]}).then(found => found.violations.map(
    rule => ({rule: rule.id, help: rule.help, where: rule.nodes.map(node => node.target.join(" ") + ": " + node.failureSummary)})))"""


def test_axe_is_the_pinned_one():
    assert hashlib.sha256(AXE.read_bytes()).hexdigest() == AXE_SHA256


def violations(page: Page) -> list[object]:
    """What axe-core finds on the page as it is now."""
    page.evaluate(AXE.read_text("utf-8"))
    found: list[object] = page.evaluate(RUN_AXE, RULES)
    return found


def overflows(page: Page) -> bool:
    """Whether the page is wider than the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def problems(page: Page, shown: ShownPage, lang: str) -> list[object]:
    """What is wrong with the page as it is shown."""
    errors = watch(page)
    found: list[object] = []
    if (status := drive.show(page, shown)) != shown.status:
        found.append(f"answered {status}")
    if not page.title():
        found.append("no title")
    if (said := page.locator("html").get_attribute("lang")) != lang:
        found.append(f"lang is {said}")
    found += violations(page)
    if overflows(page):
        found.append("wider than the screen")
    return found + errors


@pytest.mark.parametrize(("theme", "lang", "size"), LOOKS, ids=["light-english-phone", "dark-german-desktop"])
def test_every_page_is_complete_and_accessible(
    theme: str, lang: str, size: dict[str, int], new_context: NewContext
):
    rows.prepare()
    rows.unfinished()
    visitors = {
        power: new_context(theme=theme, lang=lang, viewport=size)
        for power in dict.fromkeys(page.power for page in SHOWN)
    }
    for power, visitor in visitors.items():
        if power:
            drive.sign_in(visitor, PASSWORDS[power])
    wrong: dict[str, list[object]] = {}
    for shown in SHOWN:
        page = visitors[shown.power].new_page()
        try:
            if found := problems(page, shown, lang):
                wrong[shown.name] = found
        except Exception as error:
            error.add_note(f"page {shown.name}")
            raise
        page.evaluate("localStorage.clear()")  # how a reader left one page is not how the next is opened
        page.close()
    assert wrong == {}
