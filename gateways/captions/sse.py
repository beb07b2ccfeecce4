"""The same captions as Server-Sent Events, resumed by `Last-Event-ID`: `GET /captions/{room}/events?lang=de`, and a hall's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from asgiref.sync import sync_to_async
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET

from gateways.captions import request as asked
from gateways.captions.reader import Reader
from gateways.captions.reading import Reading
from gateways.common import background
from gateways.common.outbox import TOO_SLOW, Outbox
from rooms.errors import DomainError, NotFound

ALIVE_EVERY_S = 15.0  # a comment, so that proxies and readers see that the connection lives
RETRY_MS = 1000
logger = logging.getLogger(__name__)


@require_GET
async def room_events(http_request: HttpRequest, code: str) -> HttpResponse | StreamingHttpResponse:
    """A room's stream. It never ends; a reader that is too slow for it is cut off and resumes."""
    lang, after = _wanted(http_request)
    return await _events(lambda: asked.of_room(code, lang=lang, after=after))


@require_GET
async def hall_events(http_request: HttpRequest, slug: str) -> HttpResponse | StreamingHttpResponse:
    """A hall's, from talk to talk. Its ids name the room, too."""
    lang, after = _wanted(http_request)
    room, _, versions = after.rpartition("/")
    return await _events(lambda: asked.of_hall(slug, lang=lang, after=versions, room=room))


def _wanted(http_request: HttpRequest) -> tuple[str, str]:
    after = http_request.headers.get("Last-Event-ID", http_request.GET.get("after", ""))
    return http_request.GET.get("lang", ""), after


async def _events(parse: Callable[[], asked.CaptionsRequest]) -> HttpResponse | StreamingHttpResponse:
    try:
        wanted = await sync_to_async(parse)()
    except DomainError as error:
        status = 503 if error.retry else 404 if isinstance(error, NotFound) else 400
        return JsonResponse({"error": error.code}, status=status)
    except DatabaseError:
        return JsonResponse({"error": "not_now"}, status=503)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingHttpResponse(_stream(wanted), content_type="text/event-stream", headers=headers)


async def _stream(wanted: asked.CaptionsRequest) -> AsyncIterator[str]:
    """Frames, as quickly as they are taken."""
    frames: asyncio.Queue[str | None] = asyncio.Queue(1)

    async def send(message: dict[str, Any]) -> None:
        await frames.put(message.get("text"))

    async def send_now(text: str) -> None:
        await frames.put(text)

    def frame(text: str, reached: Mapping[str, int]) -> str:
        return _frame(text, reached, f"{reading.room}/" if wanted.hall else "")

    outbox = Outbox(send)
    reading = Reading(Reader(wanted.lang, outbox, send_now, frame), wanted)
    beginning = background.spawn(_begin(reading, outbox))
    try:
        yield f"retry: {RETRY_MS}\n\n"
        while True:
            try:
                async with asyncio.timeout(ALIVE_EVERY_S):
                    text = await frames.get()
            except TimeoutError:
                text = ": alive\n\n"
            if text is None:
                return
            yield text
    finally:
        outbox.stop()
        beginning.cancel()  # a replay that nobody reads any more
        background.spawn(_leave(reading, beginning))


async def _begin(reading: Reading, outbox: Outbox) -> None:
    try:
        await reading.begin()
    except Exception as error:
        logger.warning("event stream ended", extra={"error": type(error).__name__})
        outbox.close(TOO_SLOW, now=True)  # its reader comes back


async def _leave(reading: Reading, beginning: asyncio.Task[None]) -> None:
    await asyncio.wait({beginning})
    await reading.leave()


def _frame(text: str, reached: Mapping[str, int], room: str) -> str:
    """`id` says what a reader has; a message is one line."""
    at = room + ",".join(f"{lang}:{version}" for lang, version in sorted(reached.items()))
    return f"{f'id: {at}' + chr(10) if reached else ''}data: {text}\n\n"
