"""Waking the translation workers: cheap, never blocking, one message for everything committed meanwhile.

A message carries nothing: what is due is found in the database. Workers look there every second anyway, so a lost
message costs that long, and none is sent while another waits.
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

from rooms import redis_connections

WAKE = "translation.tasks.wake"
QUEUE = "translation"
SENT_KEY = "souffleur:translation:woken"
SENT_LASTS_MS = 1000  # after that a notification checks whether the message still waits
ANSWER_WITHIN_S = 2.0
logger = logging.getLogger(__name__)


class WakeUp:
    """A thread that sends wake-ups; notifications before one is sent are coalesced."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._notified = False
        self._pid = 0

    def notify(self) -> None:
        """Wake some worker soon. Returns at once."""
        with self._condition:
            if self._pid != os.getpid():  # first use, or after a fork: threads do not survive it
                self._pid = os.getpid()
                threading.Thread(target=self._send_forever, name="wake-up", daemon=True).start()
            self._notified = True
            self._condition.notify()

    def _send_forever(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._notified)
                self._notified = False
            send()


def send() -> bool:
    """Send one message, unless one waits. Without a broker the workers poll."""
    try:
        client = _client(settings.REDIS_URL)
        if not client.set(SENT_KEY, 1, nx=True, px=SENT_LASTS_MS) or client.llen(QUEUE):
            return False
        current_app.send_task(WAKE, queue=QUEUE, retry=False, ignore_result=True)
    except (OperationalError, OSError, redis.RedisError):
        logger.warning("no broker, the workers poll")
        return False
    return True


def acknowledge() -> None:
    """A worker has received the message: the next notification sends another. Call it before reading the database."""
    try:
        _client(settings.REDIS_URL).delete(SENT_KEY)
    except redis.RedisError:
        logger.warning("wake-up not acknowledged")


@functools.cache
def _client(url: str) -> redis.Redis:
    return redis_connections.client(
        url,
        socket_timeout=ANSWER_WITHIN_S,
        socket_connect_timeout=ANSWER_WITHIN_S,
        retry=Retry(NoBackoff(), 1),
    )


wake_up = WakeUp()
