"""Argos packages: list what is installed, install a file or a pair of the index."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from translation.chain import package_folder
from translation.engines.packages import MOST_BYTES, SUFFIX, PackageError, install, installed

INDEX_MOST_BYTES = 10_000_000
TIMEOUT_S = (5.0, 30.0)
WHOLE_WITHIN_S = 1800.0


class Command(BaseCommand):
    """`translation_packages list`, `translation_packages install en_de` or `… install FILE.argosmodel`."""

    help = __doc__ or ""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        commands.add_parser(
            "list", help="installed packages, and with --available those of the index"
        ).add_argument("--available", action="store_true")
        adding = commands.add_parser(
            "install", help="a .argosmodel file, or a pair of the index such as en_de"
        )
        adding.add_argument("what", metavar="FILE_OR_CODE")
        adding.add_argument("--sha256", default="", help="refuse any other file")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["command"] == "install":
            self._install(options["what"], options["sha256"])
        elif options["available"]:
            for row in _index():
                self.stdout.write(f"{row['from_code']}_{row['to_code']} {row.get('package_version', '')}")
        else:
            for package in installed(package_folder()):
                self.stdout.write(f"{package.source}_{package.target} {package.version}")

    def _install(self, what: str, sha256: str) -> None:
        if what.endswith(SUFFIX) or Path(what).is_file():
            self._unpack(Path(what), sha256)
            return
        url = _link(what)
        with tempfile.TemporaryDirectory(prefix="souffleur-") as folder:
            file = Path(folder) / "package.argosmodel"
            self.stdout.write(f"fetching {url}")
            with file.open("wb") as target:
                for block in _fetch(url, MOST_BYTES):
                    target.write(block)
            self._unpack(file, sha256)

    def _unpack(self, file: Path, sha256: str) -> None:
        try:
            package = install(file, package_folder(), sha256=sha256)
        except PackageError as error:
            raise CommandError(f"not installed: {error}") from error
        self.stdout.write(f"installed {package.source}_{package.target} {package.version}")


def _index() -> list[dict[str, Any]]:
    try:
        rows = json.loads(b"".join(_fetch(settings.ENV.translation_package_index, INDEX_MOST_BYTES)))
        return [row for row in rows if isinstance(row, dict) and "from_code" in row and "to_code" in row]
    except (ValueError, TypeError) as error:
        raise CommandError("the index is not JSON of packages") from error


def _link(code: str) -> str:
    """The address of the newest package of this pair. Raises CommandError."""
    found = [row for row in _index() if f"{row['from_code']}_{row['to_code']}" == code.replace("-", "_")]
    links = [
        link
        for row in sorted(found, key=lambda row: _version(row), reverse=True)
        for link in row.get("links") or []
        if isinstance(link, str) and link.startswith("https://")
    ]
    if not links:
        raise CommandError(f"the index has no package {code}; see: translation_packages list --available")
    return links[0]


def _version(row: dict[str, Any]) -> list[int]:
    return [int(part) for part in str(row.get("package_version", "0")).split(".") if part.isdigit()]


def _fetch(url: str, most_bytes: int) -> Iterator[bytes]:
    """Blocks of what is there, bounded in size and time. Raises CommandError."""
    until, size = time.monotonic() + WHOLE_WITHIN_S, 0
    try:
        with requests.get(url, stream=True, timeout=TIMEOUT_S) as response:
            response.raise_for_status()
            for block in response.iter_content(1 << 20):
                size += len(block)
                if size > most_bytes or time.monotonic() > until:
                    raise CommandError("too large, or too slow")
                yield block
    except requests.RequestException as error:
        raise CommandError(f"cannot be fetched ({type(error).__name__})") from error
