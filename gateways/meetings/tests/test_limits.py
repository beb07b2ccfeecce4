"""How many meetings a process serves, whatever slots there are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from gateways.common import background
from gateways.common.denial import EXTENSION
from gateways.meetings.consumer import MeetingConsumer


async def answered(extensions: dict[str, Any]) -> list[dict[str, Any]]:
    """What the application answers to a handshake."""
    events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    events.put_nowait({"type": "websocket.connect"})
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if message["type"] in ("websocket.close", f"{EXTENSION}.body"):
            events.put_nowait({"type": "websocket.disconnect", "code": 1006})

    scope = {"type": "websocket", "path": "/", "query_string": b"", "headers": [], "extensions": extensions}
    await MeetingConsumer.as_asgi()(scope, events.get, send)
    await asyncio.wait(background.running())
    return sent


@pytest.fixture
def two_others() -> Iterator[None]:
    """Two meetings are connected."""
    others = {MeetingConsumer(), MeetingConsumer()}
    MeetingConsumer.connected.update(others)
    yield
    MeetingConsumer.connected.difference_update(others)


@pytest.mark.usefixtures("two_others")
async def test_connections_are_bounded_in_each_process(env):
    env(bypass_authorization=True, whisper_max_connections=2)
    start, body = await answered({EXTENSION: {}})
    assert (start["status"], body["body"]) == (429, b'{"detail":"No capacity for another meeting."}')
    assert (b"retry-after", b"5") in start["headers"]
    assert len(MeetingConsumer.connected) == 2


async def test_server_that_cannot_say_why_refuses_all_the_same():
    assert await answered({}) == [{"type": "websocket.close"}]
