"""The same captions as Server-Sent Events: `GET /captions/{room}/events?lang=de`, resumed by `Last-Event-ID`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

from asgiref.sync import sync_to_async
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET

from gateways.captions import request as asked
from gateways.captions.reader import Reader
from gateways.captions.room import RoomCaptions, rooms
from gateways.common import background
from gateways.common.outbox import TOO_SLOW, Outbox
from rooms.errors import DomainError, NotFound
from translation.demand import readers

ALIVE_EVERY_S = 15.0  # a comment, so that proxies and readers see that the connection lives
RETRY_MS = 1000
logger = logging.getLogger(__name__)


@require_GET
async def events(http_request: HttpRequest, code: str) -> HttpResponse | StreamingHttpResponse:
    """A stream that never ends; a reader that is too slow for it is cut off and resumes."""
    after = http_request.headers.get("Last-Event-ID", http_request.GET.get("after", ""))
    try:
        wanted = await sync_to_async(asked.parse)(code, http_request.GET.get("lang", ""), after)
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

    outbox = Outbox(send)
    reader = Reader(wanted.lang, outbox, send_now, _frame)
    joining = asyncio.create_task(rooms.join((wanted.room_id, wanted.room), reader))
    replay = asyncio.create_task(_replay(joining, reader, wanted.after, outbox))
    demand = asyncio.create_task(readers().hold(wanted.room_id, wanted.lang))
    try:
        yield f"retry: {RETRY_MS}\n\n"
        while True:
            try:
                async with asyncio.timeout(ALIVE_EVERY_S):
                    frame = await frames.get()
            except TimeoutError:
                frame = ": alive\n\n"
            if frame is None:
                return
            yield frame
    finally:
        outbox.stop()
        background.spawn(_leave(wanted, reader, joining, replay, demand))


async def _replay(
    joining: asyncio.Task[RoomCaptions], reader: Reader, after: Mapping[str, int], outbox: Outbox
) -> None:
    try:
        await (await asyncio.shield(joining)).replay(reader, after)
    except Exception as error:
        logger.warning("event stream ended", extra={"error": type(error).__name__})
        outbox.close(TOO_SLOW, now=True)  # it ends; its reader comes back


async def _leave(
    wanted: asked.CaptionsRequest,
    reader: Reader,
    joining: asyncio.Task[RoomCaptions],
    replay: asyncio.Task[None],
    demand: asyncio.Task[None],
) -> None:
    """A join is never cut in the middle; a replay that nobody reads any more is."""
    await asyncio.wait({joining, demand})
    replay.cancel()
    await asyncio.wait({replay})
    if joining.exception() is None:
        await rooms.leave(joining.result(), reader)
    await readers().release(wanted.room_id, wanted.lang)


def _frame(text: str, reached: Mapping[str, int]) -> str:
    """`id` says what a reader has; a message is one line."""
    at = ",".join(f"{lang}:{version}" for lang, version in sorted(reached.items()))
    return f"{f'id: {at}' + chr(10) if at else ''}data: {text}\n\n"
