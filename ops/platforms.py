"""Which pinned packages have a wheel, on which machines and Pythons. The index is asked; nothing is downloaded or installed.

uv resolves each file of pins for a platform without building anything. It names one package that has no wheel at a time:
that one is left out, and it is asked again.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config.env import BASE_DIR

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux aarch64": "aarch64-manylinux_2_28",
    "macOS arm64": "aarch64-apple-darwin",
    "macOS x86-64": "x86_64-apple-darwin",
}
FILES = ("requirements.txt", "requirements-no-deps.txt", "requirements-dev.txt", "requirements-torch.txt")
MISSING = re.compile(r"([A-Za-z0-9._-]+)==\S+ (?:has no|needs to be built)")
WITHIN_S = 300.0
MACOS = "15.0"  # before it Daphne's autobahn has no wheel
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==")


class IndexSilent(Exception):
    """The index did not say; the message has uv's own words."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One file on one platform: how many of its pins are installed there, and which have no wheel."""

    file: str
    platform: str
    python: str
    packages: int
    missing: tuple[str, ...]


def cells() -> Iterator[Cell]:
    """Every combination. Raises IndexSilent."""
    for file in FILES:
        for platform in PLATFORMS:
            for python in PYTHONS:
                yield resolve(BASE_DIR / file, platform, python)


def resolve(file: Path, platform: str, python: str) -> Cell:
    """Ask for all pins of a file at once. Raises IndexSilent."""
    missing: list[str] = []
    lines = without_hashes(file.read_text())
    while True:
        wanted = [line for line in lines if not (pin := PIN.match(line)) or pin[1].lower() not in missing]
        said = _ask(wanted, PLATFORMS[platform], python)
        if found := re.search(r"Resolved (\d+) packages?", said):
            return Cell(file.name, platform, python, int(found[1]), tuple(sorted(missing)))
        if "Would make no changes" in said or not wanted:
            return Cell(file.name, platform, python, 0, tuple(sorted(missing)))
        name = MISSING.search(said.replace("\n", " "))
        if name is None or name[1].lower() in missing:
            raise IndexSilent(f"{file.name}, {platform}, Python {python}: {said.strip()[:500]}")
        missing.append(name[1].lower())


def without_hashes(pins: str) -> list[str]:
    """A line a package, with its markers: with hashes every file would have to be fetched."""
    joined = pins.replace("\\\n", " ")
    return [line for each in joined.splitlines() if (line := re.sub(r"--hash=\S+", "", each).strip())]


def _ask(lines: list[str], platform: str, python: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder) / "pins.txt"
        pins.write_text("\n".join(lines) + "\n")
        asked = subprocess.run(
            [
                Path(sys.executable).with_name("uv"), "pip", "install", "--dry-run", "--no-deps", "--no-build", "--no-config",
                "--python-platform", platform, "--python-version", python, "--target", f"{folder}/none", "-r", pins,
            ],
            capture_output=True, text=True, timeout=WITHIN_S, env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": MACOS},
        )  # fmt: skip
    return asked.stderr
