"""SIGTERM to a web process: who can resume elsewhere leaves a few at a time, who cannot may finish, who comes is sent on."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import uvicorn
from redis import Redis
from websockets.exceptions import ConnectionClosed, InvalidStatus

from asr.tests.real_redis import RealRedis
from config.servers.drain import DrainingServer, Plan, refusing
from config.servers.uvicorn_http import TimedRequests
from config.servers.uvicorn_sockets import CaptionSocket
from config.tests.conftest import until_it_listens
from config.tests.sockets import connect
from config.web_processes import KEY, LIVES_FOR_S, WebProcess
from gateways.common.draining import DRAINING, Draining
from ops.faults.stack import free_port

WITHIN_S = 60
QUICK = Plan(0.0, 0.2, 600.0)
READER, STREAM, HOST = "/captions/A?lang=en", "/v1/listen", "/room/A/host/en/en"


class Counting:
    """Counts the messages of each path."""

    def __init__(self):
        self.taken = {}

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            return
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            self.taken[scope["path"]] = self.taken.get(scope["path"], 0) + 1


@pytest.fixture(autouse=True)
def _this_process_goes_on():
    yield
    DRAINING.begun = False


@contextmanager
def serving(app, *, plan=QUICK, others=True) -> Iterator[tuple[str, DrainingServer, threading.Thread]]:
    """The server in a thread of its own, where it leaves the tests' signals alone."""
    port = free_port()
    config = uvicorn.Config(
        refusing(app), port=port, http=TimedRequests, ws=CaptionSocket, interface="asgi3", lifespan="off",
        ws_per_message_deflate=False, ws_ping_interval=None, log_config=None, timeout_graceful_shutdown=5,
    )  # fmt: skip
    server = DrainingServer(config, plan=plan, others_serve=lambda: others)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until_it_listens(port)
        yield f"ws://127.0.0.1:{port}", server, thread
    finally:
        server.should_exit = server.force_exit = True
        thread.join(WITHIN_S)


async def until(holds):
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, "waited too long"
        await asyncio.sleep(0.01)


async def ended(socket):
    """How the server closed it."""
    async with asyncio.timeout(WITHIN_S):
        await socket.wait_closed()
    return socket.close_code, socket.close_reason


async def test_readers_are_sent_away_with_a_word_and_who_comes_meanwhile_is_refused():
    with serving(Counting(), plan=Plan(1.0, 0.5, 600)) as (url, server, thread):
        readers = [await connect(url + READER) for _ in range(5)]
        server.handle_exit(signal.SIGTERM, None)
        await until(lambda: DRAINING.begun)
        with pytest.raises(InvalidStatus) as refused:
            await connect(url + READER)
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["retry-after"] == "1"
        assert [await ended(each) for each in readers] == [(1012, "draining")] * 5
        await until(lambda: not thread.is_alive())


async def test_readers_leave_one_after_the_other():
    left = []
    with serving(Counting(), plan=Plan(0, 1.5, 0)) as (url, server, _):
        readers = [await connect(url + READER) for _ in range(4)]
        waiting = [asyncio.create_task(ended(each)) for each in readers]
        for each in waiting:
            each.add_done_callback(lambda _: left.append(time.monotonic()))
        server.handle_exit(signal.SIGTERM, None)
        await asyncio.gather(*waiting)
    assert left[-1] - left[0] >= 0.5, "in a crowd"


async def test_stream_that_ends_with_its_socket_may_finish():
    app = Counting()
    with serving(app) as (url, server, thread):
        stream, reader = await connect(url + STREAM), await connect(url + READER)
        server.handle_exit(signal.SIGTERM, None)
        assert await ended(reader) == (1012, "draining")
        await stream.send("still heard")
        await until(lambda: app.taken.get(STREAM))
        assert thread.is_alive()
        await stream.close()
        await until(lambda: not thread.is_alive())


async def test_stream_that_goes_on_is_told_the_rest_before_it_is_closed():
    async def tells_the_rest(scope, receive, send):
        if scope["type"] == "lifespan":
            return
        await receive()
        await send({"type": "websocket.accept"})
        asked = asyncio.Event()
        with DRAINING.finishing_by(asked.set):
            await asked.wait()
            await send({"type": "websocket.send", "text": "the rest"})
            await send({"type": "websocket.close", "code": 1012})
            await receive()

    with serving(tells_the_rest, plan=Plan(0, 0.1, 1.0)) as (url, server, thread):
        stream = await connect(url + STREAM)
        server.handle_exit(signal.SIGTERM, None)
        async with asyncio.timeout(WITHIN_S):
            assert await stream.recv() == "the rest"
        assert (await ended(stream))[0] == 1012
        await until(lambda: not thread.is_alive())


async def test_everything_that_a_host_sent_before_it_knew_of_the_end_is_taken():
    app, sent = Counting(), 0
    with serving(app) as (url, server, thread):
        host = await connect(url + HOST)
        server.handle_exit(signal.SIGTERM, None)
        with contextlib.suppress(ConnectionClosed):
            while True:
                await host.send("sound")
                sent += 1
                await asyncio.sleep(0.001)
        await until(lambda: not thread.is_alive())
    assert host.close_code == 1012
    assert host.close_reason == "", "pages of others show reasons to people"
    assert app.taken[HOST.partition("?")[0]] == sent


async def test_where_no_other_process_serves_everybody_is_sent_away_at_once():
    with serving(Counting(), plan=Plan(600, 600, 600), others=False) as (url, server, thread):
        readers = [await connect(url + path) for path in (READER, STREAM)]
        server.handle_exit(signal.SIGTERM, None)
        assert {code for code, _ in [await ended(each) for each in readers]} == {1012}
        await until(lambda: not thread.is_alive())


async def test_nobody_is_told_to_come_back_at_once_where_a_process_may_not_drain():
    with serving(Counting(), plan=Plan.of(0)) as (url, server, thread):
        reader = await connect(url + READER)
        server.handle_exit(signal.SIGTERM, None)
        assert await ended(reader) == (1012, "")
        await until(lambda: not thread.is_alive())


async def test_ctrl_c_ends_a_drain():
    with serving(Counting(), plan=Plan(600, 600, 600)) as (url, server, thread):
        reader = await connect(url + READER)
        server.handle_exit(signal.SIGTERM, None)
        await until(lambda: DRAINING.begun)
        server.handle_exit(signal.SIGINT, None)
        assert (await ended(reader))[0] == 1012
        await until(lambda: not thread.is_alive())


def test_client_that_is_no_socket_leaves_as_it_said_and_only_while_it_is_here():
    draining, left = Draining(), []
    with draining.leaving_by(lambda: left.append("first")):
        clients = draining.clients()
        with draining.leaving_by(lambda: left.append("second")):
            clients += draining.clients()[1:]
        for leave in clients:
            leave()
    assert left == ["first"]


def test_web_process_knows_whether_another_one_takes_clients():
    with TemporaryDirectory() as folder, RealRedis(Path(folder)) as own, Redis.from_url(own.url) as redis:
        first, second = WebProcess(own.url), WebProcess(own.url)
        first.renew()
        second.renew()
        assert first.leave()
        first.renew()
        assert not second.leave(), "who has left is not renewed"
        redis.zadd(KEY, {"killed": redis.time()[0] - LIVES_FOR_S - 1})
        third = WebProcess(own.url)
        assert not third.leave()


def test_redis_that_does_not_say_delays_no_end():
    assert not WebProcess("redis://127.0.0.1:1/0").leave()
