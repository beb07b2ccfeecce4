"""How late a room's text is while no process can say so: one is awaited, or the last one is silent."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from asr.audio_log import AsyncAudioLog, AudioLogUnavailable
from transcripts.models import RoomState

SPEAKS_FOR = timedelta(seconds=3)  # after a heart-beat
WITHIN_S = 1.0


def said_delay_s(state: RoomState) -> float | None:
    """As the room's process says; None: none does."""
    if not state.ready or state.delay_at is None:
        return None
    return state.delay_s if timezone.now() - state.delay_at < SPEAKS_FOR else None


async def waiting_s(session_id: int) -> float | None:
    """How long the oldest audio waits that is kept for the session; None where Redis does not say in time.

    Asked in a task of its own: redis-py may swallow the cancellation of whoever awaits it, and a feed would never stop.
    """
    log = AsyncAudioLog(settings.REDIS_URL, str(session_id))
    asking = asyncio.ensure_future(_oldest_waits_s(log))
    try:
        await asyncio.wait({asking}, timeout=WITHIN_S)
        return asking.result() if asking.done() else None
    finally:
        asking.cancel()


async def _oldest_waits_s(log: AsyncAudioLog) -> float | None:
    try:
        return await log.oldest_waits_s()
    except AudioLogUnavailable:
        return None
