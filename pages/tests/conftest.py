"""Fixtures of the pages' tests: a server of its own on the tests' PostgreSQL and Redis, and a real Chromium.

`page` is a Playwright page whose addresses are relative to the server: `page.goto("/")`. Tests that use it are plain
functions, not coroutines. Rows that they make are committed (`transactional_db`), so the server sees them.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from ops import browser as drive
from ops.faults.stack import BASE_DIR, free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page

STARTS_WITHIN_S = 120.0
HOST_PASSWORD, ADMIN_PASSWORD = "host-password", "admin-password"


@pytest.fixture(scope="session")
def server_process(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The web process of all tests that do not break it; its URL."""
    with web_process(tmp_path_factory.mktemp("server") / "web.log", free_port()) as (url, _):
        yield url


@contextlib.contextmanager
def web_process(log: Path, port: int, **more: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A web process as it is run in production but for TLS: its URL, and itself. `more`: of its environment."""
    from django.conf import settings
    from django.db import connection

    database = urlsplit(settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environment = {
        **os.environ, "DEBUG": "0", "HTTPS_ONLY": "0", "DATABASE_URL": database, "REDIS_URL": settings.REDIS_URL,
        "LOGIN_FAILURES_PER_MINUTE": "1000", "LOG_LEVEL": "INFO", "SOURCE_LANGS": "ar,de,en,es,fr,it,nl,pl,pt,uk",
        "HOST_RETURN_S": "0",  # nobody waits half a minute for the host before them
        "WEB_DRAIN_S": "0",  # another one of the tests serves beside it
        **more,
    }  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "config.servers", "--port", str(port)]
    with log.open("wb") as output:
        child = subprocess.Popen(command, cwd=BASE_DIR, env=environment, stdout=output, stderr=output)
    try:
        _wait_until_it_answers(url, child, log)
        yield url, child
    finally:
        child.terminate()
        child.wait(STARTS_WITHIN_S)
    said = log.read_text(errors="replace")
    assert "Warning:" not in said, said


@pytest.fixture
def server(transactional_db: None, server_process: str) -> str:
    """The URL of a server that sees what this test commits."""
    from django.db import connection

    # What the server still writes behind a test (a host has left) may meet the emptying of all tables: it gives way.
    with connection.cursor() as cursor:
        cursor.execute("SET deadlock_timeout = '60s'")
    return server_process


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium without a window. Playwright's event loop stays in this thread, hence one per module of plain tests."""
    if drive.executable() is None:
        pytest.skip("NO BROWSER TESTS: no Chromium here (apt install chromium, or set CHROMIUM to its path)")
    from playwright.sync_api import expect

    expect.set_options(timeout=drive.WITHIN_MS)
    with pytest.MonkeyPatch.context() as patch, drive.chromium() as running:
        patch.setenv(
            "DJANGO_ALLOW_ASYNC_UNSAFE", "1"
        )  # Django sees Playwright's loop; nothing here runs in it
        yield running


NewContext = Callable[..., "BrowserContext"]


@pytest.fixture
def new_context(browser: Browser, server: str) -> Iterator[NewContext]:
    """Gives browsers that know nothing of each other (cookies, storage); takes `theme`, `lang` and Playwright's options."""
    contexts: list[BrowserContext] = []

    def give(**options: object) -> BrowserContext:
        context = drive.context(browser, server, **options)
        contexts.append(context)
        return context

    yield give
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_context: NewContext) -> Iterator[Page]:
    """A page on a phone's screen. Whatever its scripts throw, or the Content-Security-Policy refuses, fails the test."""
    opened = new_context(viewport=drive.PHONE).new_page()
    errors = watch(opened)
    yield opened
    assert not errors, errors


def pause(page: Page) -> None:
    """From before it is opened its clock stands still, unless it is moved: nobody waits in vain on a slow machine."""
    now = datetime.now(UTC)
    page.clock.install(time=now)
    page.clock.pause_at(now + timedelta(seconds=1))


def shows(page: Page, box: Locator, text: str) -> None:
    """Waits until a box of a page whose clock stands still has this text; its clock moves by milliseconds, for frames to be painted."""
    deadline = time.monotonic() + drive.WITHIN_MS / 1000
    while (there := (box.text_content() or "").strip()) != text:
        assert time.monotonic() < deadline, there
        page.clock.run_for(2)


def watch(page: Page) -> list[str]:
    """The list that grows with each error of the page's scripts and each refusal of its policy."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: errors.append(message.text) if "Content Security Policy" in message.text else None,
    )
    return errors


def sign_in(page: Page, password: str = HOST_PASSWORD) -> None:
    """Through the login page, as people do."""
    page.goto("/login")
    page.get_by_label("Password", exact=True).fill(password)
    page.locator("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url("/")


def _wait_until_it_answers(url: str, child: subprocess.Popen[bytes], log: Path) -> None:

    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline and child.poll() is None:
        try:
            requests.get(f"{url}/manifest.webmanifest", timeout=STARTS_WITHIN_S)
            return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")
