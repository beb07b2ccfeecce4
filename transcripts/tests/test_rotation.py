"""Another key-encryption key while talks go on: processes come and go with the settings of before and after, and all of them read everything."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from redis import Redis

from rooms import data_keys, key_holders
from rooms.encryption import key_as_text, new_key
from rooms.models import DataKey
from rooms.tests.make import room
from transcripts.at_rest import at_rest
from transcripts.models import Sentence

pytestmark = pytest.mark.django_db(transaction=True)
WITHIN_S = 300
KEYS = 6
OLD, NEW, UNKNOWN = (key_as_text(new_key()) for _ in range(3))
KNOWS_BOTH, WRAPS_BY_THE_NEW, NEW_ALONE = [OLD, NEW], [NEW, OLD], [NEW]


class Process:
    """keyed_process.py with these keys."""

    def __init__(self, keys: list[str], code: str) -> None:
        url = urlsplit(settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
        environment = {
            **os.environ, "DATABASE_URL": url, "REDIS_URL": settings.REDIS_URL, "ENCRYPT_TRANSCRIPTS": "1",
            "ENCRYPTION_KEYS": ",".join(keys), "DATABASE_STATEMENT_TIMEOUT_S": "0",
        }  # fmt: skip
        others = [other for other in "ABC" if other != code]
        command = [sys.executable, "-m", "transcripts.tests.keyed_process", code, *others]
        self.child = subprocess.Popen(
            command, cwd=settings.BASE_DIR, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )  # fmt: skip

    def ready(self) -> Process:
        assert self.child.stdout is not None
        assert self.child.stdout.readline() == "ready\n"
        return self

    def ended(self) -> dict[str, Any]:
        """What it did, once it has ended."""
        said, _ = self.child.communicate(timeout=WITHIN_S)
        found: dict[str, Any] = json.loads(said)
        assert found["faults"] == []
        assert all(found["looked"])
        return found


@contextlib.contextmanager
def running(keys: list[str], code: str) -> Iterator[Process]:
    process = Process(keys, code)
    try:
        yield process
    finally:
        process.child.kill()
        process.child.wait()
        for pipe in (process.child.stdin, process.child.stdout):
            if pipe is not None:
                pipe.close()


def rotated(capsys: pytest.CaptureFixture[str]) -> int:
    """How many keys were wrapped by the old one."""
    call_command("encryption", "rotate")
    return int(capsys.readouterr().out.split(maxsplit=1)[0])


@pytest.mark.usefixtures("own_redis")
def test_nothing_is_unreadable_or_lost_while_keys_are_wrapped_anew_beside_talks_that_go_on(env, capsys):
    for code in "ABC":
        room(code)
    env(encrypt_transcripts=True, encryption_keys=WRAPS_BY_THE_NEW)
    with running(KNOWS_BOTH, "A") as first, running(WRAPS_BY_THE_NEW, "B") as second:
        first.ready()
        second.ready()
        env(encryption_keys=[UNKNOWN, *WRAPS_BY_THE_NEW])
        with pytest.raises(CommandError, match="not known to: test "):
            call_command("encryption", "rotate")
        env(encryption_keys=WRAPS_BY_THE_NEW)
        wrapped_by_the_old = 0
        while wrapped_by_the_old < KEYS:  # the first goes on wrapping by it
            wrapped_by_the_old += rotated(capsys)
        said = {"A": first.ended()["said"]}
        rotated(capsys)
        with running(NEW_ALONE, "C") as third:
            said["C"] = third.ready().ended()["said"]
        said["B"] = second.ended()["said"]
    env(encryption_keys=NEW_ALONE)
    assert rotated(capsys) == 0
    for code, count in said.items():
        texts = set(Sentence.objects.filter(track__room__code=code).values_list("text", flat=True))
        assert texts == {f"Sentence number {number}." for number in range(count)}
    assert at_rest().unreadable == at_rest().plain == 0
    assert DataKey.objects.count() == at_rest().encrypted


def test_a_rotation_waits_for_who_lacks_the_key_and_not_for_who_is_gone(env, own_redis, capsys):
    env(encryption_keys=[OLD])
    data_keys.create("part:1")
    old = key_holders.this_process("old")
    key_holders.renew(old)
    env(encryption_keys=WRAPS_BY_THE_NEW)
    key_holders.renew(key_holders.this_process("new"))
    with pytest.raises(CommandError, match=f"not known to: {old.name}. Restart"):
        call_command("encryption", "rotate")
    with Redis.from_url(own_redis.url) as redis:
        for member, at in redis.zrange(key_holders.KEY, 0, -1, withscores=True):
            if member.startswith(b"old"):
                redis.zadd(key_holders.KEY, {member: at - key_holders.LIVES_FOR_S - 1})
    assert rotated(capsys) == 1


def test_a_rotation_that_cannot_ask_says_so_and_may_be_done_anyway(env, own_redis, capsys):
    env(encryption_keys=[OLD])
    data_keys.create("part:1")
    env(encryption_keys=WRAPS_BY_THE_NEW)
    with own_redis.full(), pytest.raises(CommandError, match="--anyway"):
        call_command("encryption", "rotate")
    own_redis.stop()
    with pytest.raises(CommandError, match="--anyway"):
        call_command("encryption", "rotate")
    call_command("encryption", "rotate", "--anyway")
    assert capsys.readouterr().out.startswith("1 keys")
