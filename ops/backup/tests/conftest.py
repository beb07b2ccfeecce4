"""An empty database beside the tests' own, and programs of PostgreSQL that wait or fail where a test wants it."""

from __future__ import annotations

import shutil
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import pytest_django
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from ops.backup.database import connect
from ops.backup.dump import Made
from ops.backup.restore import ASIDE
from ops.backup.tests.make import backed_up, said
from ops.backup.tools import postgres_tool

WAITS = """#!/bin/sh
[ "$1" = --version ] && exec {real} --version
{first}
touch {folder}/waits
while [ -e {folder}/waits ]; do sleep 0.05; done
exit 1
"""


@pytest.fixture(scope="session")
def another_database(
    django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker
) -> Iterator[str]:
    """One for all tests: dropping a database makes PostgreSQL write everything to the disk."""
    name = f"restored_{uuid.uuid4().hex[:12]}"
    with django_db_blocker.unblock(), _admin() as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield name
    if not settings.ENV.database_url:
        return  # its server goes, too
    with django_db_blocker.unblock(), _admin() as admin:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def empty_database(db: None, another_database: str) -> Iterator[Callable[[], object]]:
    """Call it as a context: inside, Django and backups use a database that is empty at first."""
    of_tests = settings.DATABASES["default"]["NAME"]

    @contextmanager
    def used() -> Iterator[str]:
        _use(another_database)
        with connect(autocommit=True) as here:
            for schema in ("public", ASIDE):
                here.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
            here.execute("CREATE SCHEMA public AUTHORIZATION pg_database_owner")
        try:
            yield another_database
        finally:
            _use(of_tests)

    yield used
    _use(of_tests)


@pytest.fixture(scope="module")
def one_backup(
    tmp_path_factory: pytest.TempPathFactory,
    django_db_setup: None,
    django_db_blocker: pytest_django.DjangoDbBlocker,
) -> Made:
    """Of one talk in which "Kept." was said; the database is empty again."""
    with django_db_blocker.unblock():
        said("A", "Kept.")
        made = backed_up(tmp_path_factory.mktemp("backups"))
        call_command("flush", verbosity=0, interactive=False)
        connections.close_all()
    return made


@pytest.fixture
def made(one_backup: Made, tmp_path: Path) -> Made:
    """A copy of it, which a test may damage."""
    assert one_backup.folder is not None
    copy = tmp_path / "backups"
    shutil.copytree(one_backup.folder.parent, copy)
    return replace(one_backup, folder=copy / one_backup.folder.name)


@pytest.fixture
def waiting_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A pg_dump or pg_restore on the PATH that does `first`, then waits until the file that is returned goes, and fails."""

    def make(name: str, first: str) -> Path:
        with connect(autocommit=True) as db:
            real = postgres_tool(name, server_major=db.info.server_version // 10_000)
        folder = tmp_path / "programs"
        folder.mkdir(exist_ok=True)
        program = folder / name
        program.write_text(WAITS.format(real=real, first=first.format(real=real), folder=folder))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(folder), prepend=":")
        return folder / "waits"

    return make


def _use(name: str) -> None:
    connections.close_all()
    settings.DATABASES["default"]["NAME"] = connections["default"].settings_dict["NAME"] = name


@contextmanager
def _admin() -> Iterator[psycopg.Connection]:
    with connect(autocommit=True) as here:
        parameters = {**here.info.get_parameters(), "dbname": "postgres"}
        with psycopg.connect(**parameters, password=here.info.password, autocommit=True) as admin:
            yield admin
