"""What a backup says about itself: what is in it, how long and with which sums, made by which versions. No database here.

A document is sealed by a key that follows from the deployment's own keys: a sum tells what was damaged, the seal tells what somebody
else has made or changed. That matters because restoring runs the SQL of a dump as the database's owner.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

MANIFEST, DUMP, SETTINGS, SCHEDULES, KEYS = (
    "manifest.json",
    "database.dump",
    "settings.env",
    "schedules",
    "keys.json",
)
MOST_BYTES = 64 << 20  # of a sealed document; a key of a part has about 150
PIECE_BYTES = 1 << 20


class BackupError(Exception):
    """It was not done; the message says why, and what to do."""


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    made_at: AwareDatetime


class StoredFile(BaseModel):
    """A file of the backup."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Manifest(_Document):
    """`rows`: of each table, in the dump's own snapshot. `apart`: settings that are secret, and without which it is not all."""

    souffleur: str
    server: str
    server_major: int
    migrations: list[str]
    rows: dict[str, int]
    files: dict[str, StoredFile]
    apart: list[str]


class Erasure(BaseModel):
    """Something that was deleted for good, by what identifies it; what is empty does not apply. Never text or names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: AwareDatetime
    kind: Literal["part", "sentence", "consent", "person"]
    room: str = Field(default="", max_length=64)
    number: int = Field(description="Of the part in its room; else the row's key.")
    index: int = -1
    lang: str = Field(default="", max_length=16)


class Keys(_Document):
    """The newest keys of encrypted text, still wrapped, and all that was ever erased: one copy, each over the one before."""

    wrapped: dict[str, str]
    erased: list[Erasure]

    def keys(self) -> dict[str, bytes]:
        """Name → wrapped key. Raises ValueError for what is no base64."""
        return {name: base64.b64decode(text, validate=True) for name, text in self.wrapped.items()}


D = TypeVar("D", Manifest, Keys)


def write_sealed(path: Path, document: Manifest | Keys, sealing_keys: Sequence[bytes]) -> None:
    """Write it beside its place and move it there: whoever reads has the old one or the new one."""
    body = document.model_dump_json(indent=1)
    part = path.with_name(f".{path.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"document": body, "seal": _seal(body, sealing_keys[0])}, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


def read_sealed(path: Path, kind: type[D], sealing_keys: Iterable[bytes], *, trust: bool) -> D:
    """Raises BackupError for what is not there, is no such document, or (without `trust`) was sealed by other keys."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BackupError(f"{path} is longer than any document of a backup")
        whole = json.loads(path.read_bytes())
        body, seal = str(whole["document"]), str(whole["seal"])
        document = kind.model_validate_json(body)
    except OSError as error:
        raise BackupError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        what = f" ({error.error_count()} fields)" if isinstance(error, ValidationError) else ""
        raise BackupError(f"{path} is damaged, or not of a backup of this format{what}") from None
    if not trust and not any(hmac.compare_digest(seal, _seal(body, key)) for key in sealing_keys):
        raise BackupError(
            f"{path} was made with other keys than this system's (ENCRYPTION_KEYS, SECRET_KEY), or was changed since. "
            "Restoring runs what is in it as the database's owner: set the keys that it was made with, or say --trust where you "
            "know who made it"
        )
    return document


def stored_file(path: Path) -> StoredFile:
    """Its length and sum. Raises OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return StoredFile(size_bytes=file.tell(), sha256=digest.hexdigest())


def check_files(folder: Path, manifest: Manifest) -> None:
    """Every file is as long as it was, with the same sum. Raises BackupError, which names the first that is not."""
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise BackupError(f"The manifest names a file outside of the backup: {name}")
        try:
            found = stored_file(path)
        except OSError as error:
            raise BackupError(f"{path}: {error.strerror}") from None
        if found.size_bytes != expected.size_bytes:
            raise BackupError(
                f"{path} has {found.size_bytes} bytes, and had {expected.size_bytes}: it is not whole"
            )
        if found.sha256 != expected.sha256:
            raise BackupError(f"{path} was changed or damaged: its SHA-256 is another")


def sync_folder(folder: Path) -> None:
    """What was renamed in it stays so when the power goes."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def folder_name(made_at: datetime) -> str:
    """Sorted by name they are sorted by time."""
    return f"souffleur-{made_at:%Y%m%dT%H%M%SZ}"


def _seal(body: str, key: bytes) -> str:
    return hmac.new(key, body.encode(), hashlib.sha256).hexdigest()
