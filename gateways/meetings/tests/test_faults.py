"""What a meeting's client may rely on while processes die: no confirmed word is lost, none is final twice."""

from __future__ import annotations

import asyncio
import contextlib
import signal

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from gateways.meetings.tests.client import WITHIN_S, Client, connected, noise, said
from gateways.meetings.tests.test_socket import slots_free

pytestmark = pytest.mark.stack
SERVED_BY = (
    "SELECT pid FROM asr_session WHERE kind = 'meeting' AND state = 'live' AND pid > 0 ORDER BY id DESC"
)


async def talk(client: Client, seconds: int) -> None:
    """Two who speak at once, at a voice's pace."""
    for _ in range(seconds):
        for who in ("ada", "bo"):
            await client.speak(who, noise(1))
        await asyncio.sleep(0.3)


async def whole(client: Client, seconds: int) -> None:
    """The meeting ends, and every word of it is there, once."""
    await client.until(lambda: all(len(client.words(who)) >= 2 * (seconds - 2) for who in ("ada", "bo")))
    await client.socket.send(b"\0")
    assert await client.end() == (1000, "")
    assert client.words("ada") == said(seconds)
    assert client.words("bo") == said(seconds)
    ids = [final["id"] for who in ("ada", "bo") for final in client.of(who)]
    assert len(set(ids)) == len(ids)


async def test_recogniser_and_redis_are_killed_in_mid_sentence(stack):
    async with connected(stack) as client:
        await talk(client, 3)
        await client.until(lambda: bool(client.of("ada", "interim")))
        [[pid], *_] = await asyncio.to_thread(stack.query, SERVED_BY)
        stack.kill(pid)
        await talk(client, 3)
        await client.until(lambda: len(client.words("ada")) > 8)
        stack.kill(stack.pid("redis"))
        await talk(client, 3)
        await whole(client, 9)


async def test_web_process_is_killed_and_whoever_comes_back_begins_a_meeting(stack):
    async with connected(stack) as client:
        await talk(client, 4)
        await client.until(lambda: bool(client.words("ada")))
        stack.kill(stack.pid("web"), signal.SIGKILL)
        code, _ = await client.end()
        assert code == 1006
    before = client.words("ada")
    assert before == said(len(before) / 2)
    async with asyncio.timeout(WITHIN_S), again(stack) as other:
        await talk(other, 4)
        await whole(other, 4)
    await slots_free(stack)


@contextlib.asynccontextmanager
async def again(stack):
    """As Jigasi does: until the handshake succeeds."""
    while True:
        with contextlib.suppress(OSError, InvalidHandshake, ConnectionClosed):
            async with connected(stack) as client:
                yield client
                return
        await asyncio.sleep(0.2)
