"""Redis on another machine: where it vanishes without a word, whoever waits for it notices."""

import asyncio
import contextlib
import queue
import socket
import sys
import threading
import time
from pathlib import Path

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.core.cache.backends.redis import RedisCache

from asr.redis_clients import async_client, client, close_async_clients
from asr.tests.real_redis import RealRedis
from config.celery import app
from ops.faults.cable import Cable
from rooms.redis_connections import (
    TCP_TIMEOUT_S,
    CachePool,
    broker_options,
    channel_layer_host,
    keepalive,
)

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="NOT TESTED HERE: only Linux drops frames on a socket"
)
WITHIN_S = 120


@pytest.fixture
def cable(tmp_path):
    with RealRedis(tmp_path) as server, Cable(server.url.removeprefix("unix://")) as cable:
        yield cable


@pytest.fixture
def url(cable):
    return f"redis://127.0.0.1:{cable.port}/0"


def asked(connection):
    """After how many silent seconds the kernel asks this socket's peer, and when it gives it up."""
    assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    options = (socket.TCP_KEEPIDLE, socket.TCP_USER_TIMEOUT)
    return tuple(connection.getsockopt(socket.IPPROTO_TCP, option) for option in options)


EXPECTED = (TCP_TIMEOUT_S // 2, 1000 * TCP_TIMEOUT_S)


def test_logs_ask_a_silent_redis_whether_it_is_there(url):
    with client(url) as connected:
        connected.ping()
        assert asked(connected.connection_pool.get_connection()._sock) == EXPECTED
    client.cache_clear()


async def test_logs_of_a_web_process_ask_too(url):
    connected = async_client(url)
    try:
        await connected.ping()
        connection = await connected.connection_pool.get_connection()
        assert asked(connection._writer.get_extra_info("socket")) == EXPECTED
        await connected.connection_pool.release(connection)
    finally:
        await close_async_clients()


def test_the_cache_asks_too(url):
    cache = RedisCache([url], {"OPTIONS": {"pool_class": CachePool}})
    cache.set("known", 1)
    connection = cache._cache._get_connection_pool(write=True).get_connection()
    try:
        assert asked(connection._sock) == EXPECTED
    finally:
        connection.disconnect()


def test_workers_ask_too(url):
    with app.connection(url, transport_options=broker_options(url)) as connection:
        channel = connection.default_channel
        for waiting in (channel.client, channel.subclient):
            mine = waiting.connection_pool.get_connection()
            try:
                assert asked(mine._sock) == EXPECTED
            finally:
                mine.disconnect()


class Listening:
    """A web process's event loop with one subscription, in a thread that can hang."""

    def __init__(self, url):
        self.heard = queue.Queue()
        self._url = url
        self._subscribed, self._over = threading.Event(), None
        threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True).start()
        assert self._subscribed.wait(WITHIN_S)

    async def _run(self):
        self._over = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        host = {**channel_layer_host(self._url), "socket_keepalive_options": keepalive(timeout_s=1)}
        layer = RedisPubSubChannelLayer(hosts=[host], prefix="test")
        channel = await layer.new_channel()
        await layer.group_add("room", channel)
        self._subscribed.set()
        reading = asyncio.create_task(self._read(layer, channel))
        await self._over.wait()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await layer.flush()

    async def _read(self, layer, channel):
        while True:
            self.heard.put(await layer.receive(channel))

    def stop(self):
        self._loop.call_soon_threadsafe(self._over.set)


def hears(listening, path):
    """Publishes until something is heard."""
    layer = RedisPubSubChannelLayer(hosts=[{"address": f"unix://{path}"}], prefix="test")
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        asyncio.run(say(layer))
        with contextlib.suppress(queue.Empty):
            return listening.heard.get(timeout=0.2)
    return None


async def say(layer):
    await layer.group_send("room", {"type": "said"})
    await layer.flush()


def test_a_subscription_whose_redis_vanished_is_made_anew_and_its_process_goes_on(cable, url):
    path = Path(cable.path)
    listening = Listening(url)
    try:
        assert hears(listening, path)
        assert cable.cut()
        while not listening.heard.empty():
            listening.heard.get()
        assert hears(listening, path)
    finally:
        listening.stop()
