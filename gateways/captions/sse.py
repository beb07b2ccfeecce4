"""The same captions as Server-Sent Events, resumed by `Last-Event-ID`: `GET /captions/{room}/events?lang=de`, and a hall's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from asgiref.sync import sync_to_async
from django.db import Error as DatabaseError
from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import NinjaAPI, Schema

from gateways.captions import request as asked
from gateways.captions.reader import Reader
from gateways.captions.reading import Reading
from gateways.common import background
from gateways.common.draining import DRAINING, SERVICE_RESTART
from gateways.common.outbox import TOO_SLOW, Close, Outbox
from rooms.errors import DomainError, NotFound

ALIVE_EVERY_S = 15.0  # a comment, so that proxies and readers see that the connection lives
RETRY_MS = 1000
logger = logging.getLogger(__name__)


class Refusal(Schema):
    """Why there is no stream: an error's code."""

    error: str


api = NinjaAPI(
    title="Souffleur, event streams",
    description="The messages of the sockets (docs/asyncapi/captions.json) as Server-Sent Events. Last-Event-ID resumes.",
    urls_namespace="captions_api",
    docs_url=None,
    openapi_url=None,
)
STREAM: dict[str, Any] = {
    "response": {(400, 404, 503): Refusal},
    "openapi_extra": {
        "responses": {
            200: {
                "description": "Without an end",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            }
        }
    },
}


@api.get("/captions/{code}/events", operation_id="room_events", **STREAM)
async def room_events(request: HttpRequest, code: str, lang: str = "", after: str = "") -> HttpResponseBase:
    """A room's captions in `lang`. A reader that is too slow is cut off and resumes."""
    return await _events(lambda: asked.of_room(code, lang=lang, after=_known(request, after)))


@api.get("/captions/hall/{slug}/events", operation_id="hall_events", **STREAM)
async def hall_events(request: HttpRequest, slug: str, lang: str = "", after: str = "") -> HttpResponseBase:
    """What is on in a hall, from talk to talk. Ids, and so `after`, name the room, too: A1/en:41."""
    room, _, versions = _known(request, after).rpartition("/")
    return await _events(lambda: asked.of_hall(slug, lang=lang, after=versions, room=room))


def _known(request: HttpRequest, after: str) -> str:
    return request.headers.get("Last-Event-ID", after)


async def _events(parse: Callable[[], asked.CaptionsRequest]) -> HttpResponseBase:
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

    outbox = Outbox(send, wire="captions")
    reading = Reading(Reader(wanted.lang, outbox, send_now, frame), wanted)
    beginning = background.spawn(_begin(reading, outbox))
    try:
        yield f"retry: {RETRY_MS}\n\n"
        with DRAINING.leaving_by(lambda: outbox.close(Close(SERVICE_RESTART, ""))):
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
