"""Argos packages: `.argosmodel` files, installed as folders.

A package is a zip of one folder with metadata.json (`from_code`, `to_code`, `package_version`, perhaps
`target_prefix`), sentencepiece.model and model/ (CTranslate2). What else it holds (Stanza's sentence
splitter) is not unpacked: captions are sentences already.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from translation.engines.codes import is_code

MOST_BYTES = 2_000_000_000
MOST_FILES = 1000
MOST_METADATA_BYTES = 100_000
SUFFIX = ".argosmodel"


class PackageError(Exception):
    """This file is no package that can be used; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package."""

    folder: Path
    source: str
    target: str
    version: str
    target_prefix: str = ""


def installed(root: Path) -> list[Package]:
    """The packages in `root`, by folder name; what cannot be read is left out."""
    found = []
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        with contextlib.suppress(OSError, ValueError, PackageError):
            if not folder.name.startswith("."):
                found.append(_package(folder, json.loads((folder / "metadata.json").read_bytes())))
    return found


def install(file: Path, root: Path, *, sha256: str = "") -> Package:
    """Unpack `file` into `root`, whole or not at all; an older version of the pair is replaced.

    Raises PackageError.
    """
    if sha256 and _digest(file) != sha256:
        raise PackageError("the file's SHA-256 is not the expected one")
    try:
        with zipfile.ZipFile(file) as archive:
            return _install(archive, root)
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError) as error:
        raise PackageError(f"cannot be unpacked ({type(error).__name__})") from error


def _install(archive: zipfile.ZipFile, root: Path) -> Package:
    top, wanted = _wanted(archive)
    root.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".new-", dir=root))
    try:
        for info, inner in wanted:
            target = made / inner
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(info) as source, target.open("wb") as file:
                _copy(source, file, info.file_size)
        package = _package(made, json.loads((made / "metadata.json").read_bytes()))
        made.chmod(0o755)
        final = root / f"{package.source}_{package.target}"
        if final.exists():
            old = Path(tempfile.mkdtemp(prefix=".old-", dir=root))
            final.replace(old / top)
            made.replace(final)
            shutil.rmtree(old, ignore_errors=True)
        else:
            made.replace(final)
        return _package(final, json.loads((final / "metadata.json").read_bytes()))
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _wanted(archive: zipfile.ZipFile) -> tuple[str, list[tuple[zipfile.ZipInfo, PurePosixPath]]]:
    """The one top folder's name and the members that are needed, with their paths below it."""
    members = archive.infolist()
    if len(members) > MOST_FILES or sum(info.file_size for info in members) > MOST_BYTES:
        raise PackageError("it is too large")
    tops = {PurePosixPath(info.filename).parts[:1] for info in members}
    if len(tops) != 1 or not all(_is_safe(info.filename) for info in members):
        raise PackageError("it is not one folder")
    wanted = []
    for info in members:
        inner = PurePosixPath(*PurePosixPath(info.filename).parts[1:])
        if not info.is_dir() and (
            str(inner) in ("metadata.json", "sentencepiece.model", "bpe.model", "README.md", "LICENSE")
            or inner.parts[:1] == ("model",)
        ):
            wanted.append((info, inner))
    if any(str(inner) == "metadata.json" and info.file_size > MOST_METADATA_BYTES for info, inner in wanted):
        raise PackageError("its metadata is too large")
    return next(iter(tops))[0], wanted


def _is_safe(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith(("/", "\\")) and ".." not in parts and "\\" not in name


def _copy(source: Any, file: Any, most_bytes: int) -> None:
    left = most_bytes
    while block := source.read(1 << 20):
        left -= len(block)
        if left < 0:
            raise PackageError("a member is larger than it says")
        file.write(block)
    file.flush()
    os.fsync(file.fileno())


def _package(folder: Path, metadata: Any) -> Package:
    if not isinstance(metadata, dict):
        raise PackageError("metadata.json is no object")
    source, target = metadata.get("from_code"), metadata.get("to_code")
    if metadata.get("type", "translate") != "translate" or not is_code(source) or not is_code(target):
        raise PackageError("it is no translation package of one pair of languages")
    if not (folder / "model" / "model.bin").is_file():
        raise PackageError("it has no CTranslate2 model")
    if not (folder / "sentencepiece.model").is_file():
        raise PackageError("it has no SentencePiece model (BPE packages are not supported)")
    return Package(
        folder, str(source), str(target),
        version=str(metadata.get("package_version", ""))[:20],
        target_prefix=str(metadata.get("target_prefix") or "")[:20],
    )  # fmt: skip


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
