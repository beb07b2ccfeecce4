"""The echo's WebSocket, `WS /ws-audio`, as a plain ASGI application.

A client sends a hundred messages a second, so what a message costs is what counts: Channels' consumers make a task for each
(docs/decisions/0063). Each message is answered before the next one is taken: who does not read is not read, either.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.conf import settings

from gateways.common.limits import TokenBucket
from gateways.common.outbox import TRY_AGAIN_LATER, Close, Send, writer_of
from gateways.echo.limits import MESSAGES_BURST, MESSAGES_PER_S
from gateways.echo.metrics import SECONDS
from gateways.echo.places import SOCKETS
from gateways.echo.stream import EchoStream
from gateways.echo.wire import ACK, BadText, parse_config
from rooms.errors import DomainError

POLICY_VIOLATION = 1008
TOO_MANY_MESSAGES = Close(POLICY_VIOLATION, "too_many_messages")
CAPACITY, NOT_NOW = Close(TRY_AGAIN_LATER, "capacity"), Close(TRY_AGAIN_LATER, "not_now")
Receive = Callable[[], Awaitable[dict[str, Any]]]
logger = logging.getLogger(__name__)


async def echo_socket(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    """One client, from its handshake to its end, in whatever way that comes."""
    await receive()
    try:
        await send({"type": "websocket.accept"})
        if not SOCKETS.take(settings.ENV.echo_max_clients):
            await _close(receive, send, CAPACITY)
            return
        stream = EchoStream()
        try:
            if (close := await _serve(scope, receive, send, stream)) is not None:
                await _close(receive, send, close)
        finally:
            stream.close()
            SOCKETS.give_back()
    except OSError:
        return  # the client is gone


async def _serve(scope: Mapping[str, Any], receive: Receive, send: Send, stream: EchoStream) -> Close | None:
    """Until the client goes (None), or is to be sent away."""
    write = writer_of(scope)
    bucket = TokenBucket(rate_per_s=MESSAGES_PER_S, burst=MESSAGES_BURST)
    while (message := await receive())["type"] != "websocket.disconnect":
        if not bucket.consume():
            return TOO_MANY_MESSAGES
        try:
            answer = await _answer(stream, message)
        except DomainError as error:
            return Close(POLICY_VIOLATION, error.code)
        except Exception:
            logger.exception("socket closed")
            return NOT_NOW
        if answer is not None and (write is None or not write(answer)):
            content = {"text": answer} if isinstance(answer, str) else {"bytes": answer}
            await send({"type": "websocket.send", **content})
    return None


async def _answer(stream: EchoStream, message: Mapping[str, Any]) -> str | bytes | None:
    """To a config, or sound."""
    if (text := message.get("text")) is not None:
        return _configured(stream, text)
    began_s = time.perf_counter()
    answer = await stream.answer(message.get("bytes") or b"")
    SECONDS.observe(time.perf_counter() - began_s)
    return answer


def _configured(stream: EchoStream, text: str) -> str:
    try:
        stream.configure(parse_config(text))
    except BadText as error:
        return error.answer
    return ACK


async def _close(receive: Receive, send: Send, close: Close) -> None:
    """With a reason; what still comes is not looked at."""
    await send(close.message())
    while (await receive())["type"] != "websocket.disconnect":
        pass
