"""What uvicorn alone does not do, in this process: ends that nobody can put off, and the end of the process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys

import pytest
import uvicorn
from uvicorn.server import ServerState
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close, Frame, Opcode

from config.servers.connections import Silent
from config.servers.lifespan import Lifespan
from config.servers.uvicorn_http import BoundedBodies, TimedRequests
from config.servers.uvicorn_sockets import CaptionSocket
from config.tests.conftest import until_it_listens
from config.tests.flooding import application
from config.tests.sockets import connect
from gateways.common.outbox import Outbox, writer_of
from ops.faults.stack import BASE_DIR, free_port

WITHIN_S = 60


class Hurried(TimedRequests):
    request_within_s = 0.2


class HurriedSocket(CaptionSocket):
    close_within_s = 0.2

    def connection_lost(self, exc):
        super().connection_lost(exc)
        self.app_state["lost"].set()


class OftenPinged(HurriedSocket):
    keepalive_tick_s = 0.02


@contextlib.asynccontextmanager
async def serving(app, ws=HurriedSocket, http=Hurried):
    """`app` behind impatient protocols: its port, and an event for the end of a socket."""
    state, lost = ServerState(), asyncio.Event()
    config = uvicorn.Config(
        app, http=http, ws=ws, ws_per_message_deflate=False, log_config=None, interface="asgi3"
    )
    config.load()

    def protocol():
        return http(config=config, server_state=state, app_state={"lost": lost})

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], lost
        for connection in list(state.connections):
            connection.transport.abort()
        async with asyncio.timeout(WITHIN_S):
            while state.tasks:
                await asyncio.wait(state.tasks)


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n", b"GET / HTTP/1.1\r\n\r\nGET /"])
async def test_connection_on_which_no_whole_request_comes_is_closed(sent):
    async with serving(application) as (port, _), asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        with contextlib.suppress(ConnectionResetError):
            while await reader.read(1000):
                pass
        writer.close()


async def test_of_connections_that_say_nothing_the_oldest_make_room_and_who_asks_is_answered():
    class Few(TimedRequests):
        silent = Silent(3)

    async with serving(application, http=Few) as (port, _), asyncio.timeout(WITHIN_S):
        opened = []
        for sent in (
            b"",
            b"GET / HTTP/1.1\r\n",
            b"G",
            b"GET / HTTP/1.1\r\nHost: a\r\n",
            b"GET / HTTP/1.1\r\nHost:",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            opened.append((reader, writer))
        for reader, _ in opened[:2]:
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
        for (reader, writer), rest in zip(
            opened[2:], (b"ET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\r\n", b" a\r\n\r\n"), strict=True
        ):
            writer.write(rest)
            assert (await reader.readline()).split()[1] == b"200"
        for _, writer in opened:
            writer.close()


def test_a_process_has_all_file_descriptors_that_it_may_have_and_keeps_some_for_itself():
    code = (
        "import resource as r; _, most = r.getrlimit(r.RLIMIT_NOFILE); r.setrlimit(r.RLIMIT_NOFILE, (300, min(most, 4000)));"
        "from config.servers.connections import raise_descriptors;"
        "print(raise_descriptors(), *r.getrlimit(r.RLIMIT_NOFILE))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=BASE_DIR, check=True, capture_output=True, text=True
    )
    connections, soft, hard = map(int, said.stdout.split())
    assert soft == hard > 300
    assert connections == soft - 256


async def test_body_that_does_not_come_in_time_is_answered_408():
    async with serving(BoundedBodies(application, body_within_s=0.2)) as (port, _), asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
        assert (await reader.readline()).split()[1] == b"408"
        await reader.read()
        writer.close()


async def test_socket_that_was_closed_ends_though_its_peer_reads_nothing():
    async def full(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                while True:
                    await send({"type": "websocket.send", "text": "x" * 65_536})
        await send({"type": "websocket.close", "code": 1003, "reason": "Room closed"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    async with (
        serving(full) as (port, lost),
        connect(f"ws://127.0.0.1:{port}", max_size=None, close_timeout=0.1) as socket,
    ):
        socket.transport.pause_reading()
        async with asyncio.timeout(WITHIN_S):
            await lost.wait()
        socket.transport.abort()


async def test_who_has_not_read_for_long_gets_what_is_new_and_little_that_is_old():
    over = asyncio.Event()

    async def states(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        outbox = Outbox(send, write=writer_of(scope))
        for number in range(2000):
            outbox.show(f"{number} {'x' * 1000}")
            await asyncio.sleep(0)
        outbox.put("end")
        over.set()
        while (await receive())["type"] != "websocket.disconnect":
            pass

    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    async with asyncio.timeout(WITHIN_S), serving(states) as (port, _):
        own.connect(("127.0.0.1", port))
        async with connect(f"ws://127.0.0.1:{port}", sock=own, max_queue=1) as peer:
            peer.transport.pause_reading()
            await peer.send("go")
            await over.wait()
            peer.transport.resume_reading()
            read = [await peer.recv()]
            while read[-1] != "end":
                read.append(await peer.recv())
    assert read[-2].startswith("1999 ")
    assert len(read) < 500


async def shakes_hands(port):
    """A peer that answers nothing by itself."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET /room/A/client/en/en HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def test_a_peer_that_answers_no_ping_is_given_up_and_others_stay():
    end = Frame(Opcode.CLOSE, Close(1011, "keepalive ping timeout").serialize()).serialize(mask=False)
    async with (
        asyncio.timeout(WITHIN_S),
        serving(application, OftenPinged) as (port, lost),
        connect(f"ws://127.0.0.1:{port}/room/A/client/en/en", ping_interval=None) as lively,
    ):
        reader, writer = await shakes_hands(port)
        with contextlib.closing(writer):
            said = await reader.read()
            assert (said[:2], said[-len(end) :]) == (b"\x89\x00", end)
            await lost.wait()
        await lively.send("abc")
        assert await lively.recv() == "3"


async def test_bytes_of_a_message_that_look_like_an_answered_ping_belong_to_the_message():
    message = Frame(Opcode.BINARY, b"x" * 6).serialize(mask=True)
    head, mask, body = message[:2], b"abcd", b"\x8a\x80abcd"
    async with serving(application) as (port, _), asyncio.timeout(WITHIN_S):
        reader, writer = await shakes_hands(port)
        with contextlib.closing(writer):
            writer.write(message + head + mask)
            assert (
                await reader.readexactly(3) == b"\x81\x016"
            )  # so the next one's beginning has been read, too
            writer.write(body)
            assert await reader.readexactly(3) == b"\x81\x016"
            writer.write(Frame(Opcode.PONG, b"").serialize(mask=True) + message)
            assert await reader.readexactly(3) == b"\x81\x016"


async def test_process_that_is_told_to_end_closes_its_sockets_and_waits_for_no_peer():
    port = free_port()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "config.servers", "--server", "uvicorn", "--port", str(port),
        "--application", "config.tests.flooding:application", cwd=BASE_DIR,
    )  # fmt: skip
    try:
        await asyncio.to_thread(until_it_listens, port)
        url = f"ws://127.0.0.1:{port}"
        async with (
            connect(f"{url}/room/A/client/en/en") as reader,
            connect(f"{url}/events", max_size=None, max_queue=1, close_timeout=0.1) as stalled,
        ):
            await stalled.send("go")
            stalled.transport.pause_reading()
            child.send_signal(signal.SIGTERM)
            async with asyncio.timeout(WITHIN_S):
                with pytest.raises(ConnectionClosed):
                    await reader.recv()
                assert reader.close_code == 1012
                assert await child.wait() == 0, "it was asked to end, and nothing failed"
            stalled.transport.abort()
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


async def test_what_sockets_leave_behind_is_finished_before_the_process_ends():
    left, done, said = [], [], []
    told = asyncio.Event()

    async def leave():
        await told.wait()
        done.append(True)

    async def receive():
        if said:
            left.append(asyncio.create_task(leave()))
            asyncio.get_running_loop().call_later(0.05, told.set)
        return {}

    async def send(message):
        said.append((message["type"], list(done)))

    await Lifespan(lambda: left)({"type": "lifespan"}, receive, send)
    assert said == [("lifespan.startup.complete", []), ("lifespan.shutdown.complete", [True])]
