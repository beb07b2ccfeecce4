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


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.name)
def test_every_page_is_accessible_in_both_schemes_and_languages(shown: ShownPage, new_context: NewContext):
    rows.prepare()
    rows.unfinished()
    for theme, lang, size in LOOKS:
        opened = new_context(theme=theme, lang=lang, viewport=size)
        if shown.power:
            drive.sign_in(opened, PASSWORDS[shown.power])
        page = opened.new_page()
        errors = watch(page)
        assert drive.show(page, shown) == shown.status
        assert page.title()
        assert page.locator("html").get_attribute("lang") == lang
        assert violations(page) == [], (theme, lang)
        assert not overflows(page), (theme, lang)
        assert errors == [], (theme, lang)
        opened.close()
