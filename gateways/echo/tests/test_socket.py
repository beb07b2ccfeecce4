"""The echo as clients in the wild use it, on a whole stack, and what no well-meaning client sends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct

import numpy as np
import pytest
import requests
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from config.servers.limits import PONG_WITHIN_S
from gateways.common.tests.documented import check_message
from gateways.echo.limits import MESSAGE_BYTES

pytestmark = pytest.mark.stack
WITHIN_S = 60
GATE = {"type": "config", "sampleRate": 16000, "channelCount": 1, "frameSize": 160, "format": "s16le"}
LOUD = np.resize(np.array([9000, -9000], "<i2"), 160)
QUIET = np.resize(np.array([100, -100], "<i2"), 160)


def message(number, samples, ts_ms=1234.5):
    return struct.pack("<Id", number, ts_ms) + np.asarray(samples, "<i2").tobytes()


class Client:
    """A client of the echo."""

    def __init__(self, socket):
        self.socket = socket

    async def send(self, data):
        await self.socket.send(data)

    async def config(self, **values):
        await self.send(json.dumps(GATE | values))
        assert await self.text() == '{"type":"ack"}'

    async def text(self):
        async with asyncio.timeout(WITHIN_S):
            text = await self.socket.recv()
        assert isinstance(text, str)
        check_message("echo", "echo", json.loads(text))
        return text

    async def sound(self):
        """The number, the time and the samples of the next answer."""
        async with asyncio.timeout(WITHIN_S):
            data = await self.socket.recv()
        assert isinstance(data, bytes)
        return *struct.unpack_from("<Id", data), list(np.frombuffer(data[12:], "<i2"))

    async def echoed(self, number, samples):
        await self.send(message(number, samples))
        return (await self.sound())[2]

    async def closed(self):
        async with asyncio.timeout(WITHIN_S):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await self.socket.recv()
        return self.socket.close_code, self.socket.close_reason


@contextlib.asynccontextmanager
async def client(stack):
    url = f"ws://127.0.0.1:{stack.port}/ws-audio"
    async with connect(url, compression=None, max_size=None, open_timeout=WITHIN_S) as socket:
        yield Client(socket)


async def sockets_open(stack):
    text = (await asyncio.to_thread(requests.get, f"{stack.url}/metrics", timeout=WITHIN_S)).text
    return next(
        float(line.split()[1]) for line in text.splitlines() if line.startswith("souffleur_echo_sockets ")
    )


async def until_all_are_gone(stack):
    async with asyncio.timeout(WITHIN_S):
        while await sockets_open(stack):
            pass


async def test_what_is_said_comes_back_by_its_number_and_time_and_what_is_quiet_comes_lower(stack):
    async with client(stack) as one:
        await one.config()
        await one.send(message(7, LOUD, ts_ms=1e12 + 0.25))
        assert await one.sound() == (7, 1e12 + 0.25, list(LOUD))
        await one.send(message(2**32 - 1, QUIET, ts_ms=-0.5))
        assert await one.sound() == (2**32 - 1, -0.5, [value // 5 for value in QUIET])


async def test_the_defaults_hold_where_no_config_comes(stack):
    async with client(stack) as one:
        assert len(await one.echoed(1, np.resize(LOUD, 480))) == 480
        assert len(await one.echoed(2, np.resize(LOUD, 479))) == 0


async def test_a_config_holds_from_the_next_frame_on_late_and_twice(stack):
    async with client(stack) as one:
        await one.echoed(1, np.resize(LOUD, 480))
        await one.config()
        assert len(await one.echoed(2, np.resize(LOUD, 480 + 159))) == 480
        await one.config(channelCount=2, frameSize=80)
        assert await one.echoed(3, [9000, 7000] * 80) == [8000] * 80


async def test_a_second_at_once_comes_back_whole(stack):
    async with client(stack) as one:
        await one.config(sampleRate=48000, frameSize=480)
        assert len(await one.echoed(1, np.resize(LOUD, 48_000))) == 48_000


async def test_text_that_is_wrong_is_answered_and_changes_nothing(stack):
    async with client(stack) as one:
        await one.config()
        for text, expected in (
            ("{no", "invalid_json"),
            ("[" * 3000, "invalid_json"),
            ("[]", "unknown_text_message"),
            ('{"type":"start"}', "unknown_text_message"),
            (json.dumps(GATE | {"sampleRate": 12345}), "invalid_config"),
        ):
            await one.send(text)
            assert await one.text() == f'{{"type":"error","message":"{expected}"}}'
        assert await one.echoed(1, LOUD) == list(LOUD)


async def test_half_a_header_is_ignored_and_a_header_alone_comes_back(stack):
    async with client(stack) as one:
        for size in range(12):
            await one.send(b"\xff" * size)
        nan = struct.pack("<I", 5) + b"\xff" * 8
        await one.send(nan)
        async with asyncio.timeout(WITHIN_S):
            assert await one.socket.recv() == nan


async def test_an_odd_byte_is_lost_and_nothing_else(stack):
    async with client(stack) as one:
        await one.config()
        await one.send(message(1, LOUD) + b"\1")
        assert (await one.sound())[2] == list(LOUD)
        await one.send(message(2, LOUD))
        assert (await one.sound())[2] == list(LOUD)


async def test_a_huge_message_is_refused_and_others_do_not_notice(stack):
    async with client(stack) as other, client(stack) as one:
        await one.send(b"\0" * (MESSAGE_BYTES + 1))
        assert (await one.closed())[0] == 1009
        assert len(await other.echoed(1, np.resize(LOUD, 480))) == 480


async def test_who_sends_faster_than_sound_is_sent_away(stack):
    async with client(stack) as one:
        await one.config(sampleRate=8000)
        second = message(1, np.resize(LOUD, 8000))
        with contextlib.suppress(ConnectionClosed):
            for _ in range(60):
                await one.send(second)
        assert await one.closed() == (1008, "too_much_audio")


async def test_who_sends_empty_messages_without_end_is_sent_away(stack):
    async with client(stack) as one:
        with contextlib.suppress(ConnectionClosed):
            for _ in range(20_000):
                await one.send(b"\0")
        assert await one.closed() == (1008, "too_many_messages")


async def test_a_client_that_does_not_read_holds_nobody_up(stack):
    async with client(stack) as stalled, client(stack) as other:
        stalled.socket.transport.pause_reading()
        for number in range(200):
            await stalled.send(message(number, np.resize(LOUD, 480)))
        for number in range(50):
            assert len(await other.echoed(number, np.resize(LOUD, 480))) == 480
        stalled.socket.transport.resume_reading()
        assert [(await stalled.sound())[0] for _ in range(200)] == list(range(200))


async def test_no_more_clients_than_there_may_be_and_a_place_is_free_again_when_one_is_gone(stack):
    await until_all_are_gone(stack)
    async with contextlib.AsyncExitStack() as sockets:
        clients = [await sockets.enter_async_context(client(stack)) for _ in range(100)]
        for one in clients:
            await one.config()
        async with client(stack) as late:
            assert await late.closed() == (1013, "capacity")
        clients[0].socket.transport.abort()  # without a close
        async with asyncio.timeout(PONG_WITHIN_S):  # before a ping could tell
            while await sockets_open(stack) == 100:
                pass
        async with client(stack) as late:
            await late.config()
    await until_all_are_gone(stack)


async def test_nothing_behind_the_web_process_is_needed_and_who_lost_it_comes_back(stack):
    async with client(stack) as one:
        await one.config()
        await asyncio.to_thread(stack.kill, await asyncio.to_thread(stack.pid, "redis"))
        for number in range(20):
            assert await one.echoed(number, LOUD) == list(LOUD)
        await asyncio.to_thread(stack.kill, await asyncio.to_thread(stack.pid, "web"))
        assert (await one.closed())[0] == 1006
    async with asyncio.timeout(WITHIN_S):
        while True:
            with contextlib.suppress(OSError, InvalidHandshake):
                async with client(stack) as again:
                    await again.config()
                    assert await again.echoed(1, LOUD) == list(LOUD)
                    return
            await asyncio.sleep(0.1)
