"""A socket's application that the server cuts off in the middle of anything leaves nothing behind (Daphne does after 10 s)."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager, contextmanager

import pytest
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.db import connection, connections, transaction

from asr.audio_log import AudioLog, close_async_clients
from asr.models import Session
from asr.tests.make import slots
from gateways.conference import background, feed
from gateways.conference.routing import websocket_urlpatterns
from gateways.conference.tests.browser import cookie_header, host_cookies
from rooms.models import Room
from rooms.tests.make import room as make_room
from transcripts import live
from transcripts.events import HostReplaced
from translation.models import Demand

pytestmark = pytest.mark.django_db(transaction=True)
WITHIN_S = 20
PASSWORD = "host-password"


@pytest.fixture(autouse=True)
async def _connections_are_closed():
    yield
    await database_sync_to_async(connections.close_all)()
    await close_async_clients()


@pytest.fixture
async def room() -> Room:
    def make() -> Room:
        slots(2)
        return make_room("A")

    return await database_sync_to_async(make)()


def application(role: str = "host") -> WebsocketCommunicator:
    cookies = cookie_header(host_cookies("A", key=PASSWORD))
    return WebsocketCommunicator(
        URLRouter(websocket_urlpatterns), f"/room/A/{role}/en/en", headers=[(b"cookie", cookies.encode())]
    )


@asynccontextmanager
async def joined(role: str = "host"):
    """A socket that has got its first chunk."""
    socket = application(role)
    await socket.connect(timeout=WITHIN_S)
    while "last_n_sents" not in (await socket.receive_output(WITHIN_S))["text"]:
        pass
    yield socket


async def cut_off(socket: WebsocketCommunicator) -> None:
    """As Daphne does: again and again, until it is gone."""
    while not socket.future.done():
        socket.future.cancel()
        await asyncio.sleep(0)


async def nothing_is_held() -> None:
    """Wait until no task of a socket, no feed and no demand is left."""
    async with asyncio.timeout(WITHIN_S):
        while tasks := set(background.running()):
            await asyncio.wait(tasks)
    assert feed.followed_rooms() == []
    assert await Demand.objects.acount() == 0


@contextmanager
def locked(sql: str):
    """Rows that another transaction holds until the block ends."""
    holds, release = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(sql)
                holds.set()
                release.wait(WITHIN_S)
        finally:
            connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert holds.wait(WITHIN_S)
        yield
    finally:
        release.set()
        thread.join()


async def waits_for_a_lock() -> None:
    """Wait until some transaction stands before what `locked` holds."""

    def waiting() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return cursor.fetchone()[0] > 0

    async with asyncio.timeout(WITHIN_S):
        while not await asyncio.to_thread(waiting):  # noqa: ASYNC110  (PostgreSQL tells nobody)
            await asyncio.sleep(0.01)
    await asyncio.to_thread(connections.close_all)


async def until_logged(data: bytes) -> None:
    """Wait until the session's audio log has this blob."""
    session = await asyncio.to_thread(only_session)
    log = AudioLog(settings.REDIS_URL, session.audio_key)
    async with asyncio.timeout(WITHIN_S):
        while data not in [entry.data for entry in await asyncio.to_thread(log.read, "0-0", block_ms=100)]:
            pass


def only_session() -> Session:
    try:
        return Session.objects.get()
    finally:
        connections.close_all()


async def assert_host_has_left() -> None:
    session = await Session.objects.aget()
    assert session.host_seen_at is None
    assert session.grace_until is not None


async def test_sockets_that_are_cut_off_hold_nothing(room):
    async with joined() as host, joined("client") as viewer:
        await cut_off(viewer)
        await cut_off(host)
    await nothing_is_held()
    await assert_host_has_left()


async def test_seat_is_given_up_though_the_socket_is_cut_off_while_it_is_renewed(room):
    async with joined() as host:
        with locked("SELECT 1 FROM asr_session FOR UPDATE"):
            await database_sync_to_async(live.publish_room)(room.pk, HostReplaced("somebody"))
            await waits_for_a_lock()
            await cut_off(host)
    await nothing_is_held()
    await assert_host_has_left()


async def test_host_whose_socket_is_cut_off_while_it_takes_its_seat_has_left(room):
    host = application()
    with locked("SELECT 1 FROM rooms_room FOR UPDATE"):
        await host.connect(timeout=WITHIN_S)
        await waits_for_a_lock()
        await cut_off(host)
    await nothing_is_held()
    await assert_host_has_left()


async def test_audio_goes_on_while_postgresql_answers_nobody(room):
    async with joined() as host:
        with locked("SELECT 1 FROM asr_session FOR UPDATE"):
            await database_sync_to_async(live.publish_room)(room.pk, HostReplaced("somebody"))
            await waits_for_a_lock()
            await host.send_to(bytes_data=b"\x1a\x45\xdf\xa3header")
            await until_logged(b"\x1a\x45\xdf\xa3header")
        await host.disconnect(timeout=WITHIN_S)
    await nothing_is_held()
