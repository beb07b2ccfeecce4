"""Where a backup cannot be made or restored, nothing is half there, and one line says why."""

from __future__ import annotations

import base64
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, connections

from config.env import BASE_DIR
from ops.backup.database import connect
from ops.backup.dump import make_backup
from ops.backup.manifest import DUMP, KEYS, MANIFEST, BackupError, Keys, read_sealed, write_sealed
from ops.backup.restore import ONE_AT_A_TIME, check_backup, restore
from ops.backup.tests.make import backed_up, contents, said, texts
from ops.backup.tools import postgres_tool
from rooms.data_keys import sealing_keys
from rooms.encryption import KeyRing, new_key

in_database = pytest.mark.django_db(transaction=True)
WITHIN_S = 120.0
HALF = '{real} "$@" | head -c 2000'
ALL = '{real} "$@" || exit 1'


def sealed(path, document):
    write_sealed(path, document, sealing_keys())


def child(*arguments, limit_bytes=None, database=None):
    """A manage.py of its own, on the tests' database."""
    name = database or settings.DATABASES["default"]["NAME"]
    url = (
        settings.EMBEDDED.database_url.rpartition("/")[0] + f"/{name}"
        if not os.environ.get("DATABASE_URL")
        else ""
    )
    environment = {
        **os.environ,
        "DATABASE_URL": url or os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{name}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def limited():
        if limit_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    return subprocess.Popen(
        [sys.executable, "manage.py", *map(str, arguments)], cwd=BASE_DIR, env=environment, text=True, preexec_fn=limited,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def until(is_so, process):
    deadline_s = time.monotonic() + WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline_s
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


@in_database
class TestNotMade:
    def test_a_full_disk_leaves_the_backups_before_and_nothing_else(self, made):
        before = {path: path.read_bytes() for path in made.folder.rglob("*") if path.is_file()}
        folder = made.folder.parent
        process = child("backup", folder, limit_bytes=20_000)
        _, said_why = process.communicate(timeout=WITHIN_S)
        assert process.returncode == 1
        assert "Not written" in said_why
        assert sorted(path.name for path in folder.iterdir()) == [".lock", KEYS, made.folder.name]
        assert {path: path.read_bytes() for path in before} == before
        check_backup(made.folder, keys=None)

    def test_one_at_a_time_and_what_a_killed_one_left_is_removed(self, tmp_path, waiting_program):
        waits = waiting_program("pg_dump", HALF)
        folder = tmp_path / "backups"
        process = child("backup", folder)
        until(waits.exists, process)
        with pytest.raises(BackupError, match="Another backup is being made"):
            backed_up(folder)
        process.kill()
        process.communicate()
        waits.unlink()
        [left] = folder.glob(".souffleur-*.part")
        assert not list(folder.glob("souffleur-*"))
        (waits.parent / "pg_dump").unlink()
        whole = backed_up(folder)
        assert not left.exists()
        check_backup(whole.folder, keys=None)

    def test_one_that_is_asked_to_end_leaves_nothing(self, tmp_path, waiting_program):
        waits = waiting_program("pg_dump", HALF)

        def end():
            while not waits.exists():
                time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGTERM)

        thread = threading.Thread(target=end)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            call_command("backup", str(tmp_path / "backups"))
        thread.join()
        waits.unlink()
        assert [path.name for path in (tmp_path / "backups").iterdir()] == [".lock"]

    def test_one_whose_server_dies_in_the_middle_leaves_nothing(self, tmp_path, waiting_program):
        waiting_program("pg_dump", f"{HALF}; echo gone >&2; exit 1")
        with pytest.raises(BackupError, match="pg_dump failed: gone"):
            backed_up(tmp_path / "backups")
        assert [path.name for path in (tmp_path / "backups").iterdir()] == [".lock"]

    def test_no_postgresql(self, tmp_path, monkeypatch):
        monkeypatch.setitem(settings.DATABASES["default"], "HOST", str(tmp_path))
        with pytest.raises(BackupError, match="PostgreSQL does not answer"):
            make_backup(tmp_path / "backups", keys=tmp_path / KEYS)

    def test_a_database_that_is_nobodys(self, tmp_path, empty_database):
        with empty_database(), pytest.raises(BackupError, match="nothing of Souffleur"):
            backed_up(tmp_path)

    def test_no_program_of_the_servers_version(self):
        with pytest.raises(BackupError, match=r"postgresql-client-9.*brew install postgresql@9") as refused:
            postgres_tool("pg_dump", server_major=9)
        assert "found: " in str(refused.value)


class TestNotWhole:
    @pytest.mark.parametrize(
        ("damage", "why"),
        [
            (lambda folder: (folder / DUMP).write_bytes((folder / DUMP).read_bytes()[:-1]), "is not whole"),
            (lambda folder: (folder / DUMP).write_bytes(b"X" + (folder / DUMP).read_bytes()[1:]), "another"),
            (lambda folder: (folder / DUMP).unlink(), "No such file"),
            (lambda folder: (folder / MANIFEST).write_text("{}"), "is damaged"),
            (lambda folder: (folder / MANIFEST).write_text("[" * 100_000), "is damaged"),
            (lambda folder: (folder / MANIFEST).unlink(), "No such file"),
            (lambda folder: (folder.parent / KEYS).unlink(), "No such file"),
        ],
        ids=["cut off", "changed", "no dump", "other manifest", "deep manifest", "no manifest", "no keys"],
    )
    def test_it_says_so_before_the_database_is_touched(self, made, damage, why):
        damage(made.folder)
        with pytest.raises(BackupError, match=why):
            check_backup(made.folder, keys=None)

    def test_somebody_elses_is_not_run(self, made, settings):
        settings.SECRET_KEY = "another-" + "k" * 50
        with pytest.raises(BackupError, match="other keys than this system's"):
            check_backup(made.folder, keys=None)
        assert check_backup(made.folder, keys=None, trust=True).manifest == made.manifest

    def test_a_changed_manifest_is_not_believed(self, made):
        path = made.folder / MANIFEST
        path.write_text(path.read_text().replace("transcripts_sentence", "transcripts_sentenze"))
        with pytest.raises(BackupError, match="was changed since"):
            check_backup(made.folder, keys=None)

    def test_it_reads_no_file_outside_of_the_backup(self, made, tmp_path):
        (tmp_path / "secret").write_text("s")
        outside = {**made.manifest.files, "../../secret": made.manifest.files[DUMP]}
        sealed(made.folder / MANIFEST, made.manifest.model_copy(update={"files": outside}))
        with pytest.raises(BackupError, match="outside of the backup"):
            check_backup(made.folder, keys=None)

    def test_of_a_newer_souffleur(self, made):
        newer = [*made.manifest.migrations, "rooms.9999_of_next_year", "another_app.0001_initial"]
        sealed(made.folder / MANIFEST, made.manifest.model_copy(update={"migrations": newer}))
        with pytest.raises(BackupError, match=r"newer Souffleur .* rooms.9999_of_next_year: install"):
            check_backup(made.folder, keys=None)

    def test_keys_that_are_older_than_it(self, made, tmp_path):
        newest = read_sealed(tmp_path / "backups" / KEYS, Keys, sealing_keys(), trust=False)
        older = newest.model_copy(update={"made_at": newest.made_at.replace(year=2025)})
        sealed(tmp_path / "backups" / KEYS, older)
        with pytest.raises(BackupError, match="older than the backup"):
            check_backup(made.folder, keys=None)

    def test_keys_that_nobody_can_unwrap(self, made):
        wrapped = base64.b64encode(KeyRing([new_key()]).wrap(new_key(), "part:1")).decode()
        keys = Keys(made_at=made.manifest.made_at, wrapped={"part:1": wrapped}, erased=[])
        sealed(made.folder.parent / KEYS, keys)
        with pytest.raises(BackupError, match="1 of 1 keys were wrapped by one"):
            check_backup(made.folder, keys=None)
        assert check_backup(made.folder, keys=None, without_keys=True).keys is None


@in_database
class TestNotRestored:
    def test_into_a_database_that_is_not_empty_only_where_that_is_said(self, made, empty_database):
        checked = check_backup(made.folder, keys=None)
        with empty_database():
            restore(checked)
            said("B", "Newer.")
            with pytest.raises(BackupError, match="not empty"):
                restore(checked)
            assert texts() == ["Kept.", "Newer."]
            restore(checked, replace=True)
            assert texts() == ["Kept."]

    def test_while_others_use_the_database(self, made, empty_database):
        with empty_database():
            other = connection.Database.connect(
                **{**connection.get_connection_params(), "application_name": "souffleur web"}
            )
            connections.close_all()
            with other, pytest.raises(BackupError, match=r"Others use .* souffleur web \(1\)"):
                restore(check_backup(made.folder, keys=None), patience_s=0)

    def test_while_another_restore_is_at_it(self, made, empty_database):
        with empty_database(), connect(autocommit=True) as other:
            other.execute("SELECT pg_advisory_lock(%s)", [ONE_AT_A_TIME])
            with pytest.raises(BackupError, match="Another restore"):
                restore(check_backup(made.folder, keys=None), patience_s=0)

    def test_all_of_it_or_the_database_is_as_it_was(self, made, empty_database):
        checked = check_backup(made.folder, keys=None)
        manifest = checked.manifest
        with empty_database():
            restore(checked)
            said("B", "Newer.")
            before = contents()
            faults = [
                ("it needs 99", manifest.model_copy(update={"server_major": 99, "server": "99.1"})),
                ("other rows .* transcripts_sentence", manifest.model_copy(update={"rows": {**manifest.rows, "transcripts_sentence": 7}})),
                ("pg_restore failed", manifest),
            ]  # fmt: skip
            for why, claimed in faults:
                if why == "pg_restore failed":
                    (made.folder / DUMP).write_bytes((made.folder / DUMP).read_bytes()[:-2000])
                with pytest.raises(BackupError, match=why):
                    restore(replace(checked, manifest=claimed), replace=True)
                assert contents() == before

    def test_one_that_is_killed_keeps_a_stack_from_starting_and_the_next_one_begins_anew(
        self, made, empty_database, waiting_program
    ):
        waits = waiting_program("pg_restore", ALL)
        with empty_database() as name:
            process = child("restore", made.folder, database=name)
            until(waits.exists, process)
            process.kill()
            process.communicate()
            with pytest.raises(CommandError, match="has not finished"):
                call_command("migrate", verbosity=0, interactive=False)
            waits.unlink()
            (waits.parent / "pg_restore").unlink()
            restore(check_backup(made.folder, keys=None))
            assert texts() == ["Kept."]
            call_command("migrate", verbosity=0, interactive=False)
