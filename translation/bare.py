"""Translation of text that is nobody's row: for wires that keep nothing. The rooms' engines and circuits, slots of its own.

The caller waits as long as it wants and no longer; a call that is under way then ends by itself, and nobody reads it. Calls
run in a few threads of this process, and of what waits for one only so much is taken: a room's pace is that of the
translation workers, which know nothing of these calls but what the circuits say.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from django.db import Error as DatabaseError
from django.db import connection

from translation import chain, circuit, store
from translation.circuit import Unavailable
from translation.engines import codes
from translation.translate import translate

CALLS: Final = 2  # at a time, of this process
WAITING_MOST: Final = 16  # and so many wait for them; more are told no at once
LONGEST_CHARS: Final = 2000
logger = logging.getLogger(__name__)
_pool = ThreadPoolExecutor(CALLS, thread_name_prefix="bare-translation")
_lock = threading.Lock()
_taken = 0


def translate_bare(text: str, source: str, target: str) -> str | None:
    """The translation, the text itself in its own language; None where no engine gives one now. Queries PostgreSQL."""
    if codes.same(source, target):
        return text
    if len(text) > LONGEST_CHARS:
        return None
    try:
        return _translated(text, source, target)
    except DatabaseError:
        logger.warning("bare text not translated")
        return None


async def translated_within(
    text: str, source: str, target: str, *, within_s: float, if_idle: bool = False
) -> str | None:
    """The same without waiting longer; `if_idle`: only where no other call of this process waits or runs."""
    if codes.same(source, target):
        return text
    if not _take(1 if if_idle else CALLS + WAITING_MOST):
        return None
    deadline_s = time.monotonic() + within_s
    running = asyncio.get_running_loop().run_in_executor(_pool, _call, text, source, target, deadline_s)
    try:
        return await asyncio.wait_for(asyncio.shield(running), within_s)
    except TimeoutError:
        return None


def _call(text: str, source: str, target: str, deadline_s: float) -> str | None:
    """In a thread of the pool: who has waited too long is not asked for any more."""
    global _taken
    try:
        if time.monotonic() > deadline_s:
            return None
        return translate_bare(text, source, target)
    except Exception:
        logger.exception("bare text not translated")
        return None
    finally:
        connection.close()  # back into the pool
        with _lock:
            _taken -= 1


def _take(most: int) -> bool:
    global _taken
    with _lock:
        free = _taken < most
        _taken += free
    return free


def _translated(text: str, source: str, target: str) -> str | None:
    choice = circuit.engine_for(source, target, engines=chain.engines())
    if isinstance(choice, Unavailable):
        return None
    outcome = translate(choice.engine, [text], source, target)
    if outcome.answered:
        if outcome.asked and circuit.succeeded(choice, seconds=outcome.seconds):
            store.retry_failing()  # it is back, for rooms too
    elif outcome.error is not None:
        circuit.failed(choice, outcome.error)
    return outcome.texts[0]
