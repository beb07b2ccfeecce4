"""What a client keeps while processes behind it are killed: every confirmed word once, as long as its connection lives."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from websockets.exceptions import InvalidHandshake, InvalidStatus

from gateways.conference.tests.browser import eventually
from gateways.deepgram.tests.client import RAW, WITHIN_S, key_of, listening, noise, spoken
from ops.faults.stack import running_stack

pytestmark = pytest.mark.stack
PROCESS = "SELECT pid FROM asr_session WHERE state = 'live' ORDER BY id DESC LIMIT 1"
ASKED = {**RAW, "punctuate": "true", "consent": 1}


async def test_no_confirmed_word_is_lost_or_said_twice_whatever_is_killed_behind_the_stream():
    with running_stack(rooms=["A"], SOURCE_LANGS="en", CONSENT_REQUIRED="1") as stack:
        key = key_of(stack)
        await refused_without_consent(stack, key)
        async with listening(stack, key, **ASKED) as client, client.kept_alive():
            await said(client, "S0002w1")
            await asyncio.to_thread(stack.kill, await eventually(stack, PROCESS))
            await said(client, "S0004w1")
            await asyncio.to_thread(stack.kill, stack.pid("redis"))
            await said(client, "S0006w1")
            await client.finished()
            assert client.text() == spoken(0, 12)
            client.assert_tiles(12.0)
        await a_killed_web_process_is_come_back_to(stack, key)


async def said(client, word):
    """Four seconds more, until the recogniser has said this word of them."""
    await client.speak(noise(4))
    async with asyncio.timeout(WITHIN_S):
        while word not in client.text():
            await client.read()


async def refused_without_consent(stack, key):
    with pytest.raises(InvalidStatus) as caught:
        async with listening(stack, key, **RAW):
            pass
    assert caught.value.response.status_code == 403
    assert "consent=1" in caught.value.response.headers["dg-error"]


async def a_killed_web_process_is_come_back_to(stack, key):
    async with comes_back(stack, key) as client:
        await said(client, "S0002w1")
        await asyncio.to_thread(stack.kill, stack.pid("web"))
        code, _ = await client.end()
        assert code == 1006
    async with comes_back(stack, key) as client:
        await said(client, "S0002w1")


@asynccontextmanager
async def comes_back(stack, key):
    """As clients do: until the server takes it."""
    async with AsyncExitStack() as opened:
        async with asyncio.timeout(WITHIN_S):
            while True:
                try:
                    client = await opened.enter_async_context(listening(stack, key, **ASKED))
                    break
                except (OSError, InvalidHandshake):
                    await asyncio.sleep(0.1)
        await opened.enter_async_context(client.kept_alive())
        yield client
