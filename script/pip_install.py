"""pip install -r FILE, saying how far it is: script/pip_install.py requirements.txt (standard library only)."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

EVERY_S = 5.0  # where the output is no terminal
MB = 1_000_000
PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
COLLECTING = re.compile(r"Collecting ([\w.-]+)==")


class Display:
    """One line that is written over on a terminal; elsewhere a line now and then."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._number = 0
        self._package = ""
        self._said_at = 0.0

    def add_line(self, line: str) -> None:
        """One line of pip's."""
        if found := COLLECTING.match(line):
            self._number, self._package = min(self._number + 1, self._total), found[1]
            self._say(f"{self._number}/{self._total} {self._package}")
        elif found := PROGRESS.match(line):
            done, size = (int(number) / MB for number in found.groups())
            if size >= 1:
                self._say(f"{self._number}/{self._total} {self._package}: {done:.0f} of {size:.0f} MB")
        elif line.startswith("Installing collected packages"):
            self._say(f"unpacking {self._total} packages", always=True)

    def _say(self, text: str, *, always: bool = False) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r  {text}\x1b[K")
        elif always or time.monotonic() - self._said_at >= EVERY_S:
            self._said_at = time.monotonic()
            sys.stderr.write(f"  {text}\n")
        sys.stderr.flush()


def main(requirements: str) -> int:
    """Run pip with this interpreter; its errors and its exit status are its own."""
    total = sum("==" in line for line in Path(requirements).read_text().splitlines())
    display = Display(total)
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--progress-bar",
        "raw",
        "--require-hashes",
    ]
    pip = subprocess.Popen([*command, "-r", requirements], stdout=subprocess.PIPE, text=True)
    assert pip.stdout is not None  # noqa: S101
    for line in pip.stdout:
        display.add_line(line.strip())
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    return pip.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
