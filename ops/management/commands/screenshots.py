"""Pictures of every page: `manage.py screenshots --out FOLDER [--only NAME …]`, in a phone's width and a desktop's, light and dark.

Starts a stack of its own with the showcase in it (ops/showcase), and stops it. With --readme the few pictures of README go to
docs/pictures instead.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from asr.audio.recorder import read_audio
from asr.sample import SAMPLE
from ops import browser
from ops.faults.stack import ADMIN_PASSWORD, BASE_DIR, HOST_PASSWORD, Stack, running_stack
from ops.interrupts import StackCommand
from ops.showcase.__main__ import TOLD_AGAIN_S
from pages.shown import SHOWN, ShownPage

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SIZES = {"phone": browser.PHONE, "desktop": browser.DESKTOP}
PASSWORDS = {"host": HOST_PASSWORD, "admin": ADMIN_PASSWORD}
SETTLES_MS = 2 * 1000 * TOLD_AGAIN_S  # until the unfinished words have come
RATE_HZ, QUIETER = 48_000, 3  # the sample is as loud as can be: the host would be told so
PICTURES = BASE_DIR / "docs" / "pictures"
README = {
    "viewer": ("phone", "light"),
    "host-on-air": ("desktop", "light"),
    "hall": ("desktop", "dark"),
}  # size, theme


@dataclass(frozen=True, slots=True)
class _Look:
    """A page as it is to be seen."""

    page: ShownPage
    size: str
    theme: str
    lang: str = "en"
    full: bool = False

    @property
    def name(self) -> str:
        return f"{self.page.name}-{self.size}-{self.theme}-{self.lang}"


class Command(StackCommand):
    """Looks at every page of pages/shown.py."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Where to, and which."""
        parser.add_argument("--out", type=Path, default=Path("var/screenshots"))
        parser.add_argument("--only", nargs="+", default=[], help="beginnings of names of pages")
        parser.add_argument("--lang", nargs="+", default=["en"], help="languages of the pages")
        parser.add_argument("--full", action="store_true", help="whole pages, not a screen of them")
        parser.add_argument("--readme", action="store_true", help="those of README, into docs/pictures")

    def handle(self, *args: Any, **options: Any) -> None:
        """Take them."""
        out: Path = PICTURES if options["readme"] else options["out"]
        out.mkdir(parents=True, exist_ok=True)
        wanted = [
            page for page in SHOWN if not options["only"] or page.name.startswith(tuple(options["only"]))
        ]
        try:
            with TemporaryDirectory() as folder, showcase() as stack, _chromium(Path(folder)) as chromium:
                for look in _looks(wanted, options["lang"], readme=options["readme"], full=options["full"]):
                    name = look.page.name if options["readme"] else look.name
                    _take(chromium, stack, look, out / f"{name}.png")
                    self.stdout.write(str(out / f"{name}.png"))
        except LookupError as error:
            raise CommandError(str(error)) from error


def _chromium(folder: Path) -> AbstractContextManager[Browser]:
    """One whose microphone hears somebody speak."""
    speech = folder / "speech.wav"
    with wave.open(str(speech), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        for frame in read_audio(SAMPLE.path, rate_hz=RATE_HZ):
            file.writeframes((frame.to_ndarray() // QUIETER).tobytes())
    return browser.chromium(microphone=speech)


@contextmanager
def showcase() -> Iterator[Stack]:
    """A stack with the showcase in it; nothing sweeps there, so that the moment stays."""
    with ExitStack() as opened:
        stack = opened.enter_context(
            running_stack(
                rooms=[], TRANSLATION_ENGINES="scripted", SOURCE_LANGS="ar,de,en,es,fr,it,nl,pl,pt,uk"
            )
        )
        for program in ("beat", "sweeps", "asr", "translation"):
            stack.stop_program(program)
        command = [sys.executable, "-m", "ops.showcase"]
        child = subprocess.Popen(
            command,
            cwd=BASE_DIR,
            env=stack.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        opened.callback(child.wait)
        opened.callback(child.communicate, "")
        assert child.stdout is not None  # noqa: S101
        if child.stdout.readline().strip() != "ready":
            raise CommandError("the showcase was not written")
        yield stack


def _looks(pages: list[ShownPage], langs: list[str], *, readme: bool, full: bool) -> Iterator[_Look]:
    for page in pages:
        if readme:
            if page.name in README:
                yield _Look(page, *README[page.name])
            continue
        for lang in langs:
            for size in SIZES:
                for theme in page.themes:
                    yield _Look(page, size, theme, lang, full)


def _take(chromium: Browser, stack: Stack, look: _Look, target: Path) -> None:
    viewport = SIZES[look.size]
    opened = browser.context(chromium, stack.url, theme=look.theme, lang=look.lang, viewport=viewport)
    try:
        if look.page.power:
            browser.sign_in(opened, PASSWORDS[look.page.power])
        page = opened.new_page()
        status = browser.show(page, look.page)
        if status != look.page.status:
            raise CommandError(f"{look.page.path} answered {status}")
        page.wait_for_timeout(SETTLES_MS)
        page.screenshot(path=target, animations="disabled", full_page=look.full)
    finally:
        opened.close()
