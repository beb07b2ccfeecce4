"""Calls to PostgreSQL that are made again until it answers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from django.db import close_old_connections

from rooms.outages import DATABASE_OUTAGES

RETRY_FIRST_S, RETRY_MOST_S = 0.1, 2.0
logger = logging.getLogger(__name__)

T = TypeVar("T")


def until_answered(call: Callable[[], T], *, session_id: int, wait: Callable[[float], None]) -> T:
    """What `call` returns, once PostgreSQL is there; `call` must be one that may be made twice.

    `wait` takes seconds, and may raise to give up. Faults of the database (a broken constraint) are raised at once.
    """
    pause_s = RETRY_FIRST_S
    while True:
        try:
            return call()
        except DATABASE_OUTAGES:
            logger.warning("PostgreSQL is away, will ask again", extra={"session": session_id})
            wait(pause_s)
            pause_s = min(2 * pause_s, RETRY_MOST_S)
            close_old_connections()
