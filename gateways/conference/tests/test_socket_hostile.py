"""What no well-meaning browser sends: a clear error to that client alone, and nobody else notices."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import zlib
from contextlib import AsyncExitStack, asynccontextmanager

import av
import numpy as np
import psutil
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.protocol import State

from gateways.conference.tests.browser import browser, host, host_cookies, watcher

pytestmark = pytest.mark.stack
MEGABYTE = 1 << 20


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = zlib.compress(b"\0" + b"\xff" * 3)
    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def matroska_of_flac() -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        stream = container.add_stream("flac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.int16), format="s16", layout="mono")
        frame.sample_rate = 48_000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return buffer.getvalue()


@asynccontextmanager
async def undisturbed(stack, room):
    """Another room whose host speaks while something happens here: all its words come."""
    async with host(stack, room) as page, watcher(stack, room) as viewer:
        await page.ready()
        await page.speak(0, 4.5)
        yield
        await page.speak(4.5, 8.5)
        await viewer.says(*(f"S000{number}w1" for number in range(1, 5)))
        assert viewer.viewer.rewrites == 0


async def test_bytes_that_are_no_audio_get_their_host_a_clear_error(stack, other_room, new_room):
    sent = {
        "it is neither WebM nor Ogg": b"RIFF\x24\x00\x00\x00WAVEfmt ",
        "its codec is not Opus": matroska_of_flac(),
        "the beginning of a recording is missing": png(),
    }
    rooms = [new_room() for _ in sent]
    async with undisturbed(stack, other_room), AsyncExitStack() as sockets:
        pages = [await sockets.enter_async_context(host(stack, code)) for code in rooms]
        for page, data in zip(pages, sent.values(), strict=True):
            await page.ready()
            await page.socket.send(data)
        for page, code, expected in zip(pages, rooms, sent, strict=True):
            error = (await page.until(lambda message: "error" in message))["error"]
            assert error["code"] == "undecodable_audio"
            assert expected in error["message"]
            noted = "SELECT o.last_error FROM asr_rooms_roomsession o JOIN rooms_room r ON r.id = o.room_id WHERE r.code = %s"
            assert stack.query(noted, code) == [("undecodable_audio",)]
            assert "last_n_sents" in await page.read()  # the page takes the error for a chunk
        await pages[0].speak(0, 2.5)  # the room stays open: a real recorder is heard
        await pages[0].says("S0001w1")


async def test_text_from_a_host_that_is_no_signal_is_answered_by_nothing(stack, room):
    async with host(stack, room) as page:
        await page.ready()
        before = len(page.messages)
        for text in (
            "",
            "hello",
            "{",
            "[]",
            "1",
            '{"signal": 1}',
            '{"signal": "stop"}',
            "[" * 1000,
            "\0",
            "{}" * 900,
        ):
            await page.socket.send(text)
        await page.socket.send(b"")
        await page.speak(0, 2.5)
        await page.says("S0001w1")
        assert all("last_n_sents" in message for message in page.messages[before:])
    assert stack.log("web").count("unknown text from a host") >= 1


async def test_viewer_s_messages_are_ignored_and_a_flood_ends_its_socket(stack, room, other_room):
    async with undisturbed(stack, other_room), host(stack, room) as page, watcher(stack, room) as viewer:
        await page.ready()
        await viewer.socket.send("hello")
        await viewer.socket.send(json.dumps({"signal": "restart_backend_engine"}))
        await viewer.socket.send(b"\x1a\x45\xdf\xa3")
        await page.speak(0, 2.5)
        await viewer.says("S0001w1")
        assert await flood(viewer, "x", 10_000) == (1008, "Too many messages")
        assert stack.session(room)["generation"] == 1


async def test_ten_thousand_tiny_messages_end_that_host_s_socket_alone(stack, room, other_room):
    async with undisturbed(stack, other_room), host(stack, room) as page:
        await page.ready()
        assert await flood(page, b"x", 10_000) == (1008, "Too many messages")
        errors = [message["error"]["code"] for message in page.messages if "error" in message]
        assert errors[-1] == "too_many_messages"  # a slow server may have had other complaints before


async def test_message_of_100_megabytes_ends_its_socket_before_it_is_read(stack, room, other_room):
    web = psutil.Process(stack.pid("web"))
    async with undisturbed(stack, other_room):
        before = web.memory_info().rss
        for opened, size in ((host(stack, room), 100), (watcher(stack, other_room), 5)):
            async with opened as page:
                await page.read()
                code, reason = await flood(page, b"x" * (size * MEGABYTE), 1)
                assert code == 1009
                assert "exceeds payload limit" in reason
        assert web.memory_info().rss - before < 30 * MEGABYTE


async def test_host_who_sends_megabytes_a_second_is_told_and_sent_away(stack, room):
    async with host(stack, room) as page:
        await page.ready()
        assert await flood(page, b"\0" * MEGABYTE, 60) == (1008, "Too many messages")


async def test_viewers_who_read_nothing_delay_nobody(stack, room):
    async with host(stack, room) as page, watcher(stack, room) as viewer:
        await page.ready()
        async with AsyncExitStack() as sockets:
            slow = [await sockets.enter_async_context(watcher(stack, room)) for _ in range(20)]
            for one in slow:
                one.socket.transport.pause_reading()
            for second in (0, 5):
                await page.speak(second, second + 5)
                await viewer.says(f"S{(second + 4) // 2:04}w1")
            slow[0].socket.transport.resume_reading()
            await slow[0].says("S0004w1")
            for one in slow:
                one.socket.transport.abort()


async def test_restart_signals_in_a_row_restart_once(stack, room):
    async with host(stack, room) as page:
        await page.ready()
        for _ in range(5):
            await page.socket.send(json.dumps({"signal": "restart_backend_engine"}))
        await page.until(lambda message: message.get("error", {}).get("code") == "too_many_restarts")
        await page.ready()
    parts = "SELECT count(*) FROM transcripts_part p JOIN rooms_room r ON r.id = p.room_id WHERE r.code = %s"
    assert stack.query(parts, room) == [(2,)]


async def test_raw_pcm_is_heard_where_it_is_announced(stack, room):
    noise = np.random.default_rng(3).normal(0, 3000, 16_000 * 5).astype("<i2").tobytes()
    async with host(stack, room, query="?format=pcm_s16le") as page:
        await page.ready()
        for start in range(0, len(noise), 4001):  # an odd count: samples are cut in two
            await page.socket.send(noise[start : start + 4001])
        await page.says("S0001w1", "S0002w1")


async def test_paths_that_lead_nowhere_are_refused_without_a_word_in_the_log(stack):
    for path in ("/room/a/host/en/en/more/and/more", "/nothing", "/room"):
        with pytest.raises(InvalidStatus, match="403"):
            async with browser(stack, path, host_cookies("a")):
                pass
    assert "more/and/more" not in stack.log("web")


async def flood(page, message, count):
    """Send until the socket ends; its close code and reason."""
    end = asyncio.create_task(page.end())
    try:
        for _ in range(count):
            if page.socket.state is not State.OPEN:
                break
            await page.socket.send(message)
            await asyncio.sleep(
                0
            )  # `send` alone lets nobody else run: a busy machine would read the close too late
    except ConnectionClosed:
        pass
    return await end
