"""script/bootstrap: half a virtual environment is built anew, a whole one is left alone.

The interpreter is a stand-in that makes folders and notes what it was asked for: packages are not installed here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ops.faults.stack import BASE_DIR

INTERPRETER = """#!/bin/sh
echo "$@" >> "{calls}"
case "$1 $2" in
    "-c import ensurepip") [ -z "${{NO_VENV_PACKAGE:-}}" ] ;;
    "-m venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python && [ -z "${{BREAK_OFF:-}}" ] ;;
    "-m pip") case "$*" in *--no-deps*) [ -z "${{NO_PARTS:-}}" ] ;; esac ;;
    *) [ -z "${{NO_PACKAGES:-}}" ] || [ "$1" != script/pip_install.py ] ;;
esac
"""


class Checkout:
    """A folder with the scripts, and an interpreter that notes its calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"
        shutil.copytree(BASE_DIR / "script", folder / "script")
        (folder / "requirements.txt").write_text("one==1\n")
        (folder / "requirements-no-deps.txt").write_text("part==1\n")
        self.python = folder / "python-stand-in"
        self.python.write_text(INTERPRETER.format(calls=self.calls))
        self.python.chmod(0o755)

    def bootstrap(self, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["script/bootstrap"], cwd=self.folder, capture_output=True, text=True, timeout=120,
            env={**os.environ, "PYTHON": str(self.python), **environment}, check=False,
        )  # fmt: skip

    def made(self) -> int:
        return self.calls.read_text().count("-m venv")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_an_environment_that_broke_off_is_built_anew(checkout: Checkout) -> None:
    assert checkout.bootstrap(BREAK_OFF="1").returncode != 0
    (checkout.folder / ".venv" / "rest").touch()
    assert checkout.bootstrap().returncode == 0
    assert checkout.made() == 2
    assert not (checkout.folder / ".venv" / "rest").exists()


def test_a_whole_environment_is_made_once_and_its_packages_installed_once(checkout: Checkout) -> None:
    checkout.bootstrap()
    checkout.bootstrap()
    assert checkout.made() == 1
    assert checkout.calls.read_text().count("script/pip_install.py") == 1
    (checkout.folder / "requirements.txt").write_text("one==2\n")
    checkout.bootstrap()
    assert checkout.calls.read_text().count("script/pip_install.py") == 2


def test_packages_that_could_not_be_installed_are_tried_again(checkout: Checkout) -> None:
    assert checkout.bootstrap(NO_PACKAGES="1").returncode != 0
    assert checkout.bootstrap().returncode == 0
    assert checkout.made() == 1
    assert checkout.calls.read_text().count("script/pip_install.py") == 2


def test_what_the_product_does_without_stops_nobody_and_is_tried_again(checkout: Checkout) -> None:
    alone = checkout.bootstrap(NO_PARTS="1")
    assert alone.returncode == 0
    assert "Without the packages of requirements-no-deps.txt" in alone.stderr
    checkout.bootstrap()
    checkout.bootstrap()
    assert checkout.calls.read_text().count("--no-deps") == 2


def test_a_python_without_venv_is_told_what_to_install_and_leaves_nothing(checkout: Checkout) -> None:
    refused = checkout.bootstrap(NO_VENV_PACKAGE="1")
    assert refused.returncode == 1
    assert "python3-venv" in refused.stderr
    assert not (checkout.folder / ".venv").exists()
