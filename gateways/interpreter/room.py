"""Whoever shares a room of this wire: finals and speech for each other, and the last half hour's finals.

A room is a name that its clients agree on; it is no room of the schedule. What is passed on is a message of the channel layer,
which may be lost; the history is a list in Redis, which may be read again, encrypted by a key that is destroyed when it is old.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from weakref import WeakKeyDictionary

import redis
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone

from asr.redis_clients import async_client
from gateways.common import background
from gateways.interpreter.wire import HistoryItem
from rooms import data_keys
from rooms.database_threads import stream_rows
from rooms.encryption import Cipher, Undecryptable
from rooms.outages import is_outage
from transcripts.hub import Hub

HISTORY_S: Final = 1800
HISTORY_MOST: Final = 1000
KEY_RENEWED_EVERY_S: Final = 300.0
PUBLISH_WITHIN_S: Final = 2.0
UNTOLD_MOST: Final = 64  # finals and speech that wait for Redis
RETRY_S: Final = 0.5
KEPT_WITHIN_S: Final = 60.0  # a Redis that is away longer lets this final fall out of the history
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shared:
    """What one socket said to the others of its room: a text message, or a binary one."""

    sender: str
    payload: str | bytes


Listener = Callable[[Shared], None]


class InterpreterRoom:
    """One socket's place in a room."""

    def __init__(self, name: str, member: str, listener: Listener) -> None:
        self.name = name
        self._key = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:40]
        self._group = f"interpreter.{self._key}"
        self._member = member
        self._listener = listener
        self._untold: deque[str | bytes] = deque()
        self._tells = False
        self._cipher: Cipher | None = None
        self._cipher_until_s = 0.0  # then its key is renewed

    async def join(self) -> None:
        """Hear the others from now on; waits for Redis."""
        await _hub().subscribe(self._group, self._hear)

    async def leave(self) -> None:
        """Hear nobody any more."""
        await _hub().unsubscribe(self._group, self._hear)

    def share(self, payload: str | bytes) -> None:
        """Tell the others, in order and as well as Redis lets us; never waits."""
        if len(self._untold) < UNTOLD_MOST:
            self._untold.append(payload)
        if not self._tells:
            self._tells = True
            background.spawn(self._tell())

    def keep(self, item: HistoryItem) -> None:
        """Add to the history; while Redis is away it is tried again."""
        background.spawn(self._keep(item))

    async def history(self) -> list[HistoryItem]:
        """The last half hour's finals, oldest first; none while Redis or PostgreSQL is away."""
        try:
            rows: Any = await async_client(settings.REDIS_URL).lrange(self._history_key, 0, -1)
            cipher = await self._renewed_cipher()
        except redis.RedisError as error:
            if not is_outage(error):
                raise
            return []
        except DatabaseError:
            return []
        # one that was tried again may stand there twice
        texts = dict.fromkeys(filter(None, (_decrypted(cipher, row, self._key) for row in rows)))
        items = [HistoryItem.model_validate(json.loads(text)) for text in texts]
        since = time.time() - HISTORY_S
        return sorted((item for item in items if item.ts >= since), key=lambda item: item.ts)

    @property
    def _history_key(self) -> str:
        return f"interpreter:history:{self._key}"

    async def _tell(self) -> None:
        try:
            while self._untold:
                await self._publish(self._untold.popleft())
        finally:
            self._tells = False

    async def _publish(self, payload: str | bytes) -> None:
        message = {
            "type": "hub.events", "group": self._group, "events": [{"sender": self._member, "payload": payload}],
        }  # fmt: skip
        try:
            async with asyncio.timeout(PUBLISH_WITHIN_S):
                await get_channel_layer().group_send(self._group, message)
        except Exception:
            # whatever the transport raises: the others miss it, and find it in the history
            logger.warning("interpreter's room not told")

    async def _keep(self, item: HistoryItem) -> None:
        deadline_s = time.monotonic() + KEPT_WITHIN_S
        while time.monotonic() < deadline_s:
            try:
                await self._append(item)
                return
            except redis.RedisError as error:
                if not is_outage(error):
                    raise
                await asyncio.sleep(RETRY_S)
            except DatabaseError:
                await asyncio.sleep(RETRY_S)
        logger.warning("final not kept in the history")

    async def _append(self, item: HistoryItem) -> None:
        cipher = await self._renewed_cipher()
        async with async_client(settings.REDIS_URL).pipeline() as pipe:
            pipe.rpush(self._history_key, cipher.encrypt(item.model_dump_json().encode(), self._key))
            pipe.ltrim(self._history_key, -HISTORY_MOST, -1)
            pipe.expire(self._history_key, HISTORY_S)
            await pipe.execute()

    async def _renewed_cipher(self) -> Cipher:
        """The key of the history, which lasts as long as what is in it."""
        if self._cipher is None or time.monotonic() > self._cipher_until_s:
            lasts_until = timezone.now() + timedelta(seconds=HISTORY_S + KEY_RENEWED_EVERY_S)
            get = stream_rows(data_keys.get_or_create)
            self._cipher = await get(f"interpreter:{self._key}", expires_at=lasts_until)
            self._cipher_until_s = time.monotonic() + KEY_RENEWED_EVERY_S
        return self._cipher

    def _hear(self, shared: Shared) -> None:
        if shared.sender != self._member:
            self._listener(shared)


def _decrypted(cipher: Cipher, row: bytes, context: str) -> bytes | None:
    """None: by a key that was destroyed."""
    try:
        return cipher.decrypt(row, context)
    except Undecryptable:
        return None


def _shared(message: Any) -> Shared | None:
    return Shared(**message) if isinstance(message, dict) else None


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub[Shared]] = WeakKeyDictionary()


def _hub() -> Hub[Shared]:
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub(_shared)
    return _hubs[loop]
