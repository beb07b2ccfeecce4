"""A recorder's header, kept for logs that begin in mid-stream: in the socket, and in the cache for the one that comes after it."""

from __future__ import annotations

import base64
import logging

from django.core.cache import cache
from redis.exceptions import RedisError

HEADER_LASTS_S = 24 * 3600
MAX_HEADER_BYTES = 64 * 1024
_CLUSTER, _OGG_PAGE = b"\x1f\x43\xb6\x75", b"OggS"
_SIMPLE_BLOCK = b"\xa3"
logger = logging.getLogger(__name__)


class RecorderHeader:
    """A recorder's header, sent once at its beginning: a log that begins in mid-stream needs it again."""

    def __init__(self, known: bytes = b"") -> None:
        self.whole = known
        self._begun = b""
        self._tail = b""

    def note(self, kind: str, blob: bytes) -> bool:
        """Take notice of a blob; True when a new recorder's header is whole with it."""
        if kind == "head":
            self.whole = b""
        begun = blob if kind == "head" else self._begun and self._begun + blob
        self._tail = blob[-1:]
        self._begun = b""
        if not begun:
            return False
        mark = _OGG_PAGE if begun.startswith(_OGG_PAGE) else _CLUSTER
        end = begun.find(mark, 4)
        if end < 0:
            self._begun = begun if len(begun) <= MAX_HEADER_BYTES else b""
            return False
        self.whole = begun[: min(end, MAX_HEADER_BYTES)]
        return True

    @property
    def carried(self) -> bytes:
        """Chromium cuts its blobs behind a block's first byte: the next blob alone would miss its first packet."""
        return self._tail if self._tail == _SIMPLE_BLOCK else b""


async def recall_header(connection_id: str) -> bytes:
    """The header of the recorder that spoke over this connection; empty where nobody knows."""
    if not connection_id:
        return b""
    try:
        return base64.b64decode(await cache.aget(_key(connection_id)) or "")
    except (RedisError, OSError, ValueError):
        return b""


async def remember_header(connection_id: str, header: bytes) -> None:
    """Keep it for the connection that comes after this one."""
    try:
        await cache.aset(_key(connection_id), base64.b64encode(header).decode(), HEADER_LASTS_S)
    except (RedisError, OSError):
        logger.warning("recorder's header not remembered: no cache")


def _key(connection_id: str) -> str:
    return f"conference:recorder:{connection_id}"
