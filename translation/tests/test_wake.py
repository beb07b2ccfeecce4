"""The wake-up: it never blocks its caller, and at most one message waits, however often it is sent."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings

from asr.tests.real_redis import RealRedis
from translation import wake
from translation.wake import QUEUE, SENT_KEY, WakeUp


@pytest.fixture
def client() -> Iterator[redis.Redis]:
    """The broker, without any message."""
    with redis.Redis.from_url(settings.REDIS_URL) as connected:
        connected.delete(QUEUE, SENT_KEY)
        yield connected
        connected.delete(QUEUE, SENT_KEY)


class _Hangs(WakeUp):
    """Its broker never answers."""

    def __init__(self) -> None:
        super().__init__()
        self.sent, self.hangs = 0, threading.Event()

    def _send_forever(self) -> None:
        self.hangs.wait(10)


def test_notifying_while_the_broker_hangs_neither_waits_nor_grows():
    wake_up = _Hangs()
    for _ in range(20_000):
        wake_up.notify()
    assert wake_up._notified is True
    wake_up.hangs.set()


def test_however_often_many_notify_one_message_waits(client):
    threads = [threading.Thread(target=wake.send) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.llen(QUEUE) == 1


def test_while_no_worker_takes_it_no_second_message_is_sent(client):
    assert wake.send()
    client.delete(SENT_KEY)  # its time is over
    assert not wake.send()
    assert client.llen(QUEUE) == 1


def test_once_a_worker_has_acknowledged_the_next_message_is_sent_at_once(client):
    assert wake.send()
    assert not wake.send()
    client.delete(QUEUE)  # the worker takes it
    wake.acknowledge()
    assert wake.send()


def test_after_a_message_was_lost_another_is_sent_within_a_second(client):
    assert wake.send()
    client.delete(QUEUE)
    assert 0 < client.pttl(SENT_KEY) <= 1000


NOTIFIER = """
import sys, django
django.setup()
from translation import wake
for line in sys.stdin:
    print(wake.send(), wake.acknowledge(), flush=True)
"""


def test_a_broker_that_is_full_or_away_is_no_error_and_is_used_again():
    with tempfile.TemporaryDirectory() as folder, RealRedis(Path(folder)) as broker:
        env = {**os.environ, "REDIS_URL": broker.url, "DJANGO_SETTINGS_MODULE": "config.settings"}
        with subprocess.Popen(
            [sys.executable, "-c", NOTIFIER],
            env=env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as notifier:

            def notify() -> str:
                assert notifier.stdin is not None
                assert notifier.stdout is not None
                print(file=notifier.stdin, flush=True)
                return notifier.stdout.readline().split()[0]

            with redis.Redis.from_url(broker.url) as client:
                client.config_set("maxmemory", "1")
                assert notify() == "False"
                client.config_set("maxmemory", "0")
                assert notify() == "True"
                client.delete(QUEUE)
            broker.stop(signal.SIGKILL)
            assert notify() == "False"
            broker.start()
            assert notify() == "True"
            notifier.kill()
