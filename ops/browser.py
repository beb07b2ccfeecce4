"""The system's Chromium, driven by Playwright (a package for development)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from pages.shown import ShownPage

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 800}
WITHIN_MS = 30_000


def executable() -> str | None:
    """The system's Chromium, or what CHROMIUM names."""
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def chromium(*, microphone: Path | None = None) -> Iterator[Browser]:
    """Started, without a window; its microphone hears this WAV file, else beeps. Raises LookupError where there is none."""
    path = executable()
    if path is None:
        raise LookupError("no Chromium here (apt install chromium, or set CHROMIUM to its path)")
    from playwright.sync_api import sync_playwright

    heard = [f"--use-file-for-fake-audio-capture={microphone}"] if microphone else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*OPTIONS, *heard])
        try:
            yield browser
        finally:
            browser.close()


def context(
    browser: Browser, url: str, *, theme: str = "light", lang: str = "en", **options: Any
) -> BrowserContext:
    """A browser that knows nothing, but for the scheme and the language that its visitor chose."""
    made = browser.new_context(base_url=url, locale="en-GB", **options)
    made.set_default_timeout(WITHIN_MS)
    made.set_default_navigation_timeout(WITHIN_MS)
    made.add_cookies(
        [{"name": "theme", "value": theme, "url": url}, {"name": "language", "value": lang, "url": url}]
    )
    return made


def sign_in(opened: BrowserContext, password: str) -> None:
    """Through the login page, as people do."""
    page = opened.new_page()
    page.goto("/login?next=/logout")
    page.locator("#password").fill(password)
    page.locator("main button.primary").click()
    page.wait_for_url("/logout")
    page.close()


def show(page: Page, shown: ShownPage) -> int:
    """Open a page and wait until it is complete; its status."""
    answer = page.goto(shown.path)
    page.locator(shown.ready).first.wait_for()
    for selector in shown.click:
        page.locator(selector).first.click()
    return answer.status if answer else 0
