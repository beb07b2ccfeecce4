"""Waking the translation workers: cheap, never blocking, one message for all that was said meanwhile.

A message says nothing: what there is to do is found in the database. Workers look there each second anyway,
so a message that is lost costs that long, and none is sent while another waits.
"""

from __future__ import annotations

import functools
import logging
import os
import threading

import redis
from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError
from redis.backoff import NoBackoff
from redis.retry import Retry

WAKE = "translation.tasks.wake"
QUEUE = "translation"
SENT_KEY = "souffleur:translation:woken"
SENT_LASTS_MS = 1000  # then whoever rings looks whether the message still waits
ANSWER_WITHIN_S = 2.0
logger = logging.getLogger(__name__)


class Bell:
    """A thread that sends what was rung. Ringing twice before it is sent is ringing once."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rung = False
        self._pid = 0

    def ring(self) -> None:
        """Have some worker look soon. Returns at once."""
        with self._condition:
            if self._pid != os.getpid():  # first use, or after a fork: threads do not survive it
                self._pid = os.getpid()
                threading.Thread(target=self._send_forever, name="bell", daemon=True).start()
            self._rung = True
            self._condition.notify()

    def _send_forever(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._rung)
                self._rung = False
            send()


def send() -> bool:
    """One message, unless one waits. Whatever Redis says, the workers look by themselves."""
    try:
        client = _client(settings.REDIS_URL)
        if not client.set(SENT_KEY, 1, nx=True, px=SENT_LASTS_MS) or client.llen(QUEUE):
            return False
        current_app.send_task(WAKE, queue=QUEUE, retry=False, ignore_result=True)
    except (OperationalError, OSError, redis.RedisError):
        logger.warning("no broker, the workers will look by themselves")
        return False
    return True


def heard() -> None:
    """A worker has the message: the next ring sends another. Call it before looking."""
    try:
        _client(settings.REDIS_URL).delete(SENT_KEY)
    except redis.RedisError:
        logger.warning("not noted that the workers were woken")


@functools.cache
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_timeout=ANSWER_WITHIN_S,
        socket_connect_timeout=ANSWER_WITHIN_S,
        retry=Retry(NoBackoff(), 1),
    )


bell = Bell()
