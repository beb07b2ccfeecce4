"""What config/servers adds to each server, on a real one in a child process."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from socket import IPPROTO_TCP, TCP_INFO

import psutil
import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus

from config.tests.flooding import FEW, MESSAGES
from config.tests.sockets import connect
from gateways.common.limits import HOST_MESSAGE_BYTES, VIEWER_MESSAGE_BYTES

pytestmark = pytest.mark.stack
WITHIN_S = 60
MEGABYTE = 1 << 20
CLOSE_WAIT = 8  # the peer of a connection has closed its side (Linux, tcp_states.h)


@contextlib.asynccontextmanager
async def stalled(url: str):
    """A peer that has asked for the flood and reads nothing."""
    async with connect(url, max_size=None, max_queue=1, compression=None, close_timeout=1) as socket:
        await socket.send("go")
        socket.transport.pause_reading()
        yield socket


async def numbers(socket) -> list[int]:
    """Everything that still comes, by number, until the end or the last message."""
    read = []
    async with asyncio.timeout(WITHIN_S):
        with contextlib.suppress(ConnectionClosed):
            while not read or read[-1] != -1:
                read.append(json.loads(await socket.recv())["number"])
    return read


async def until_calm(process: psutil.Process) -> None:
    """Until the server has nothing to do."""
    async with asyncio.timeout(WITHIN_S):
        while process.cpu_percent() > 5:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def test_slow_reader_of_a_state_gets_the_newest_and_costs_no_memory(served):
    url, process = served
    before = process.memory_info().rss
    async with stalled(f"{url}/state") as socket:
        process.cpu_percent()
        await asyncio.sleep(0.2)
        await until_calm(process)
        assert process.memory_info().rss - before < 10 * MEGABYTE
        socket.transport.resume_reading()
        read = await numbers(socket)
    assert read == [*sorted(read[:-1]), -1]
    assert read[-2] == MESSAGES - 1
    assert len(read) < MESSAGES / 2


async def test_slow_reader_of_events_is_sent_away_and_may_come_back(served):
    url, process = served
    before = process.memory_info().rss
    async with stalled(f"{url}/events") as socket:
        process.cpu_percent()
        await asyncio.sleep(0.2)
        await until_calm(process)
        assert process.memory_info().rss - before < 40 * MEGABYTE
        socket.transport.resume_reading()
        read = await numbers(socket)
        assert (socket.close_code, socket.close_reason) == (1013, "Too slow")
    assert read == list(range(len(read)))
    assert len(read) < MESSAGES / 2


async def test_burst_that_fits_into_the_queue_comes_whole_though_the_reader_was_slow(served):
    url, _ = served
    async with stalled(f"{url}/few") as socket:
        socket.transport.resume_reading()
        assert await numbers(socket) == [*range(FEW), -1]


async def answer(socket) -> str:
    """The next message. Raises ConnectionClosed."""
    async with asyncio.timeout(WITHIN_S):
        return await socket.recv()


async def closed(socket) -> tuple[int, str]:
    """Code and reason of the end that the server makes."""
    with pytest.raises(ConnectionClosed):
        await answer(socket)
    return socket.close_code, socket.close_reason


@pytest.mark.parametrize("prefix", ["", "/backend"])
async def test_viewer_says_four_kilobytes_and_a_host_four_megabytes(served, prefix):
    url, _ = served
    longest = {"client": VIEWER_MESSAGE_BYTES, "host": HOST_MESSAGE_BYTES}
    for role, limit in longest.items():
        async with connect(f"{url}{prefix}/room/A/{role}/en/de", max_size=None) as socket:
            await socket.send(b"x" * limit)
            assert await answer(socket) == str(limit)
            await socket.send(b"x" * (limit + 1))
            code, reason = await closed(socket)
            assert (code, "exceeds payload limit" in reason) == (1009, True)


async def test_who_stalls_in_the_middle_of_too_long_a_message_and_goes_on_still_reads_why(served):
    url, _ = served
    length = (HOST_MESSAGE_BYTES + MEGABYTE).to_bytes(8)
    async with connect(f"{url}/room/A/host/en/de", compression=None) as socket:
        socket.transport.pause_reading()
        socket.transport.write(b"\x82\xff" + length + bytes(4) + b"x" * 1024)
        connection = socket.transport.get_extra_info("socket")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):  # a phone that changes its cell
                while connection.getsockopt(IPPROTO_TCP, TCP_INFO, 1)[0] != CLOSE_WAIT:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        for _ in range(3):
            socket.transport.write(b"x" * 1024)
            await asyncio.sleep(0.05)  # if the connection is reset, it is so now
        socket.transport.resume_reading()
        code, reason = await closed(socket)
        assert (code, "exceeds payload limit" in reason) == (1009, True)


async def test_message_in_pieces_is_bounded_like_a_whole_one(served):
    url, _ = served
    async with connect(f"{url}/room/A/client/en/de") as socket:
        with contextlib.suppress(ConnectionClosed):
            await socket.send([b"x" * 1024] * 5)
        assert (await closed(socket))[0] == 1009


async def test_unfinished_messages_of_all_sockets_together_are_bounded_and_short_ones_still_come(served):
    url, process = served
    before = process.memory_info().rss
    never = asyncio.Event()

    async def half():
        yield b"x" * (HOST_MESSAGE_BYTES - MEGABYTE)
        await never.wait()
        yield b""

    async with contextlib.AsyncExitStack() as sockets:
        hoarders, sending = [], []
        for _ in range(30):  # 90 MB
            socket = await sockets.enter_async_context(connect(f"{url}/room/A/host/en/de", compression=None))
            hoarders.append(socket)
            sending.append(asyncio.create_task(socket.send(half())))
            page = await sockets.enter_async_context(connect(f"{url}/room/B/host/en/de"))
            await page.send([b"blob", b" of a real host"])
            assert await answer(page) == "19"
        ends = [asyncio.create_task(closed(socket)) for socket in hoarders]
        async with asyncio.timeout(WITHIN_S):
            done = {await end for end in itertools.islice(asyncio.as_completed(ends), 15)}
        assert done == {(1013, "Too much unfinished")}
        assert process.memory_info().rss - before < 80 * MEGABYTE
        for task in [*sending, *ends]:
            task.cancel()
        await asyncio.gather(*sending, *ends, return_exceptions=True)


async def test_what_was_under_way_when_a_socket_was_closed_counts_where_it_is_to(served):
    url, _ = served
    async with connect(f"{url}/drain") as socket:
        socket.transport.pause_reading()
        for message in ("go", "1", "2", "3"):
            await socket.send(message)
        socket.transport.resume_reading()
        assert await closed(socket) == (1003, "Room closed")
    heard = await asyncio.to_thread(requests.get, f"http{url[2:]}/heard", timeout=WITHIN_S)
    assert heard.text == "['1', '2', '3']"


async def test_peer_that_sends_what_nobody_takes_has_to_wait(served):
    url, process = served
    before = process.memory_info().rss
    tiny = b"\x82\x81" + bytes(4) + b"x"  # masked with zeros
    async with connect(f"{url}/deaf", close_timeout=0.1, ping_interval=None) as socket:
        socket.transport.write(tiny * 10_000_000)
        process.cpu_percent()
        await asyncio.sleep(0.2)
        await until_calm(process)
        assert socket.transport.get_write_buffer_size() > MEGABYTE
        assert process.memory_info().rss - before < 30 * MEGABYTE
        socket.transport.abort()


def test_nobody_says_himself_who_calls(served):
    headers = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https", "Forwarded": "for=192.0.2.1"}
    headers["Daphne-Root-Path"] = "/elsewhere"
    answer = requests.get(f"http{served[0][2:]}/who", headers=headers, timeout=WITHIN_S)
    assert answer.text == "127.0.0.1 http"


async def test_a_socket_may_be_refused_before_it_is_accepted_with_a_status_and_a_body(served):
    url, _ = served
    for _ in range(2):
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{url}/denied")
        answer = refused.value.response
        assert answer.status_code == 401
        assert answer.body == '{"detail":"Wer da? äöü"}'.encode()
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Retry-After"] == "3"
    async with connect(f"{url}/room/1/host/de/de") as socket:
        await socket.send(b"12345")
        assert await socket.recv() == "5"
