"""A socket's application in this process: cut off in the middle of anything (Daphne does after 10 s), or its servers silent."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable
from contextlib import asynccontextmanager, contextmanager

import pytest
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.db import connection, connections, transaction
from redis import Redis

from asr.audio_log import AudioLog, Entry
from asr.models import Session
from asr.redis_clients import close_async_clients
from asr.rooms.models import RoomSession
from asr.session_keys import session_cipher
from asr.tests.make import slots
from gateways.common import background
from gateways.conference import feed
from gateways.conference.routing import websocket_urlpatterns
from gateways.conference.tests.browser import cookie_header, host_cookies
from rooms.models import Room
from rooms.tests.make import room as make_room
from transcripts import live
from transcripts.events import HostReplaced
from translation.models import Demand

pytestmark = pytest.mark.django_db(transaction=True)
WITHIN_S = 60
PASSWORD = "host-password"
BLOBS = [b"\x1a\x45\xdf\xa3header", b"one", b"two"]
PAUSE_MS = 4000  # longer than until the host's socket asks for its row again


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


def application(role: str = "host", *, key: str = PASSWORD) -> WebsocketCommunicator:
    cookies = cookie_header(host_cookies("A", key=key))
    return WebsocketCommunicator(
        URLRouter(websocket_urlpatterns), f"/room/A/{role}/en/en", headers=[(b"cookie", cookies.encode())]
    )


@asynccontextmanager
async def joined(role: str = "host", *, address: str = ""):
    """A socket that has got its first chunk."""
    socket = application(role)
    if address:
        socket.scope["client"] = [address, 1]
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
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                return cursor.fetchone()[0] > 0
        finally:
            connections.close_all()  # each call may have a thread of its own

    async with asyncio.timeout(WITHIN_S):
        while not await asyncio.to_thread(waiting):  # noqa: ASYNC110  (PostgreSQL tells nobody)
            await asyncio.sleep(0.01)


async def logged_until(holds: Callable[[list[Entry]], bool]) -> list[Entry]:
    """The session's audio log, once it has what a test waits for."""
    session = await asyncio.to_thread(only_session)
    cipher = await database_sync_to_async(session_cipher)(session.pk)
    log = AudioLog(settings.REDIS_URL, session.audio_key, cipher=cipher)
    async with asyncio.timeout(WITHIN_S):
        while not holds(entries := await asyncio.to_thread(log.read, "0-0", block_ms=100)):
            pass
    return entries


def only_session() -> Session:
    try:
        return Session.objects.get()
    finally:
        connections.close_all()


async def assert_host_has_left() -> None:
    session = await RoomSession.objects.aget()
    assert session.host_seen_at is None
    assert session.grace_until is not None


async def test_sockets_that_are_cut_off_hold_nothing(room):
    async with joined() as host, joined("client") as viewer:
        await cut_off(viewer)
        await cut_off(host)
    await nothing_is_held()
    await assert_host_has_left()


async def test_host_lease_is_given_up_though_the_socket_is_cut_off_while_it_is_renewed(room):
    async with joined() as host:
        with locked("SELECT 1 FROM asr_rooms_roomsession FOR UPDATE"):
            await database_sync_to_async(live.publish_room)(room.pk, HostReplaced("somebody"))
            await waits_for_a_lock()
            await cut_off(host)
    await nothing_is_held()
    await assert_host_has_left()


async def test_host_whose_socket_is_cut_off_while_it_takes_its_host_lease_has_left(room):
    host = application()
    with locked("SELECT 1 FROM rooms_room FOR UPDATE"):
        await host.connect(timeout=WITHIN_S)
        await waits_for_a_lock()
        await cut_off(host)
    await nothing_is_held()
    await assert_host_has_left()


async def test_audio_goes_on_while_postgresql_answers_nobody(room):
    async with joined() as host:
        with locked("SELECT 1 FROM asr_rooms_roomsession FOR UPDATE"):
            await database_sync_to_async(live.publish_room)(room.pk, HostReplaced("somebody"))
            await waits_for_a_lock()
            await host.send_to(bytes_data=BLOBS[0])
            await logged_until(lambda entries: [entry.data for entry in entries] == BLOBS[:1])
        await host.disconnect(timeout=WITHIN_S)
    await nothing_is_held()


async def test_audio_that_waits_for_redis_when_the_room_is_closed_comes_before_the_end(room):
    async with joined() as host:
        with Redis.from_url(settings.REDIS_URL) as redis:
            redis.client_pause(PAUSE_MS, all=False)
        for blob in BLOBS:
            await host.send_to(bytes_data=blob)
        # The hint is lost with the pause: the row says it.
        await Session.objects.aupdate(state=Session.State.CLOSING)
        await RoomSession.objects.aupdate(host_seen_at=None, is_open=False)
        entries = await logged_until(lambda entries: "end" in [entry.kind for entry in entries])
        assert [entry.data for entry in entries] == [*BLOBS, b""]
        await host.disconnect(timeout=WITHIN_S)
    await nothing_is_held()


async def test_who_guesses_passwords_reads_that_they_must_wait_and_who_has_none_guesses_nothing(room, env):
    env(login_failures_per_minute=1)
    address = f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"

    async def ended(password: str) -> tuple[int, str]:
        socket = application(key=password)
        socket.scope["client"] = [address, 1]
        await socket.connect(timeout=WITHIN_S)
        closed = await socket.receive_output(WITHIN_S)
        assert closed.pop("type") == "websocket.close"
        await socket.disconnect(timeout=WITHIN_S)
        return closed["code"], closed["reason"]

    no_key = (1008, "Authentification failed: no valid password in session cookie")
    must_wait = (1008, "Too many wrong passwords from here: wait a moment")
    answers = [await ended(password) for password in ("", "", "guess 1", "guess 2", "")]
    assert answers == [no_key, no_key, no_key, must_wait, no_key]
    async with joined(address=address) as host:
        await host.disconnect(timeout=WITHIN_S)
    await nothing_is_held()
