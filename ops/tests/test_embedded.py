"""The embedded servers are for whoever runs the stack: no other user of the machine gets in."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from redis import Redis

from config.layout import EmbeddedError
from ops import embedded

PLACES = settings.EMBEDDED
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can try it as another user")
embedded_postgres = pytest.mark.skipif(bool(settings.ENV.database_url), reason="DATABASE_URL is set")
embedded_redis = pytest.mark.skipif(bool(settings.ENV.redis_url), reason="REDIS_URL is set")
OTHERS = sorted({"nobody", PLACES.system_user or "nobody"})

# Imports as root: another user may not read our Python.
INTRUDER = """
import os, pwd, socket, sys
import psycopg
user = pwd.getpwnam(sys.argv[1])
os.setgroups([])
os.setgid(user.pw_gid)
os.setuid(user.pw_uid)
try:
    if sys.argv[2].startswith("postgres"):
        psycopg.connect(sys.argv[2]).close()
    else:
        redis = socket.socket(socket.AF_UNIX)
        redis.connect(sys.argv[2])
        redis.sendall(b"PING\\r\\n")
        assert redis.recv(5) == b"+PONG"
except (psycopg.OperationalError, OSError) as error:
    sys.exit(f"refused: {error}")
"""


def intrude(user: str, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", INTRUDER, user, url], capture_output=True, text=True, timeout=60
    )


@as_root
@embedded_postgres
@pytest.mark.parametrize("user", OTHERS)
def test_no_other_user_gets_into_the_database(user: str) -> None:
    tried = intrude(user, PLACES.database_url)
    assert tried.returncode == 1
    assert "refused" in tried.stderr
    assert intrude("root", PLACES.database_url).returncode == 0, "the test itself does not work"


@as_root
@embedded_redis
@pytest.mark.parametrize("user", OTHERS)
def test_no_other_user_gets_at_the_audio(user: str) -> None:
    tried = intrude(user, str(PLACES.redis_socket))
    assert tried.returncode == 1
    assert "refused" in tried.stderr
    assert intrude("root", str(PLACES.redis_socket)).returncode == 0, "the test itself does not work"


@embedded_postgres
def test_whom_the_cluster_was_made_to_trust_does_not_count() -> None:
    with embedded.connect(PLACES, database="postgres") as db:
        rules = db.execute(
            "SELECT type, user_name, auth_method, options, error FROM pg_hba_file_rules"
        ).fetchall()
        mapped = db.execute(
            "SELECT map_name, sys_name, pg_username, error FROM pg_ident_file_mappings"
        ).fetchall()
    ourselves = pwd.getpwuid(os.geteuid()).pw_name
    assert rules == [("local", ["postgres"], "peer", ["map=souffleur"], None)]
    assert mapped == [("souffleur", ourselves, "postgres", None)]


@embedded_postgres
@embedded_redis
def test_sockets_and_data_have_no_rights_for_others() -> None:
    with Redis.from_url(PLACES.redis_url) as client:
        client.ping()
    for path in (PLACES.postgres_sockets, PLACES.postgres_data, PLACES.redis_data, PLACES.redis_socket):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    passing = 0 if PLACES.system_user is None else 0o011
    for path in (PLACES.sockets, PLACES.postgres_access):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == passing, path
        assert path.stat().st_uid == os.geteuid(), path


@pytest.mark.parametrize("how", ["a link", pytest.param("a folder", marks=as_root)])
def test_folder_that_somebody_else_made_in_our_name_is_refused(tmp_path: Path, how: str) -> None:
    foreseen, elsewhere = tmp_path / "foreseen", tmp_path / "elsewhere"
    elsewhere.mkdir()
    if how == "a link":
        foreseen.symlink_to(elsewhere)
    else:
        foreseen.mkdir()
        os.chown(foreseen, 65534, 65534)
    places = replace(PLACES, home=foreseen, fallback=foreseen, sockets=foreseen / "sockets")
    with pytest.raises(EmbeddedError, match="another user"):
        embedded.prepare_folders(places)
    assert not list(foreseen.iterdir())
