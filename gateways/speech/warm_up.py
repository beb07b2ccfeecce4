"""A file recognised before the first client: whatever a first stream has to wait for, this one does."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import Final

from asr.audio.pcm import RawFormat
from asr.audio.recorder import Blob, record_file
from gateways.speech.refusals import Refused
from gateways.speech.servicer import Terms
from gateways.speech.stream import SpeechStream
from rooms.errors import DomainError

WITHIN_S: Final = 120.0
TRY_EVERY_S: Final = 1.0
logger = logging.getLogger(__name__)


class WarmUpFailed(Exception):
    """Nothing can be recognised now; the message says why."""


async def warm_up(file: str, terms: Terms) -> None:
    """Raises NotAudioError and WarmUpFailed."""
    blobs = await asyncio.to_thread(_read, file)
    try:
        async with asyncio.timeout(WITHIN_S):
            await _recognise(blobs, terms)
    except TimeoutError:
        raise WarmUpFailed("--warmup-file: no worker has recognised it in time") from None
    except Refused as error:
        raise WarmUpFailed(f"--warmup-file: {error.refusal.message}") from error
    logger.info("warmed up")


def _read(file: str) -> list[Blob]:
    return list(record_file(file, audio_format="pcm"))


async def _recognise(blobs: list[Blob], terms: Terms) -> None:
    stream = await _open(terms)
    try:
        for blob in blobs:
            await stream.feed(blob.data)
        await stream.end()
        async with aclosing(stream.updates()) as updates:
            async for _ in updates:
                pass
    finally:
        await stream.close()


async def _open(terms: Terms) -> SpeechStream:
    """The workers may still be starting."""
    while True:
        try:
            return await SpeechStream.open(RawFormat(), lang=terms.lang, options=terms.options)
        except DomainError as error:
            if error.code not in ("capacity", "not_ready"):
                raise WarmUpFailed(f"--warmup-file: {error.code}") from error
        await asyncio.sleep(TRY_EVERY_S)
