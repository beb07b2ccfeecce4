"""Catalogues of translated texts: locale/LANGUAGE/LC_MESSAGES/django.po is in the repository, gettext reads .mo files.

What is compiled depends on the .po files alone and lies in a folder named after their hash: a new version never reads the
catalogues of an old one, and processes that start at once may all write. Nobody needs gettext's own programs.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from pathlib import Path

from django.conf import settings
from django.conf.locale import LANG_INFO

from config.env import BASE_DIR

SOURCES = BASE_DIR / "locale"
INSIDE = Path("LC_MESSAGES")

logger = logging.getLogger(__name__)


def languages(sources: Path = SOURCES) -> list[tuple[str, str]]:
    """English and what there is a catalogue for: (code, name in that language), for settings.LANGUAGES."""
    codes = ["en", *(path.parent.parent.name.lower().replace("_", "-") for path in _po_files(sources))]
    return [(code, str(LANG_INFO[code]["name_local"]).capitalize()) for code in codes]


def compiled_folder(var_dir: Path, sources: Path = SOURCES) -> Path:
    """Where the compiled catalogues of this version are, or will be."""
    digest = hashlib.sha256()
    for path in _po_files(sources):
        digest.update(path.parent.parent.name.encode() + b"\0" + path.read_bytes())
    return var_dir / "locale" / digest.hexdigest()[:16]


def compile_missing(sources: Path = SOURCES) -> None:
    """Compile what is not there yet. Where nothing may be written, the pages are English, and the log says so."""
    for folder in settings.LOCALE_PATHS:
        for path in _po_files(sources):
            target = Path(folder) / path.parent.parent.name / INSIDE / "django.mo"
            if target.exists():
                continue
            try:
                _compile(path, target)
            except OSError:
                logger.exception("catalogue not compiled", extra={"path": str(target)})


def _compile(source: Path, target: Path) -> None:
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with source.open("rb") as text:
        catalogue = read_po(text, locale=source.parent.parent.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(number, "wb") as file:
        write_mo(file, catalogue)
    Path(name).chmod(0o644)
    Path(name).replace(target)


def _po_files(sources: Path) -> list[Path]:
    return sorted(sources.glob(f"*/{INSIDE}/django.po"))
