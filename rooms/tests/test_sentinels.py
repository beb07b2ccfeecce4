"""REDIS_URL=sentinel://…: what every part of the system is told, and what happens when the master dies."""

import asyncio
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.core.cache.backends.redis import RedisCache
from redis import Redis
from redis.exceptions import RedisError

from asr.redis_clients import async_client, client, close_async_clients
from asr.tests.real_redis import binary
from config.celery import app
from config.env import EnvError, read_env
from config.figures import from_redis
from config.layout import celery_url
from config.web_processes import WebProcess
from ops.faults.stack import free_port
from rooms.outages import is_outage
from rooms.redis_connections import CachePool, aclose, broker_options, channel_layer_host
from rooms.sentinels import sentinels_of

WITHIN_S = 60
WATCHED = """
sentinel monitor captions 127.0.0.1 {port} 1
sentinel down-after-milliseconds captions 500
sentinel failover-timeout captions 5000
"""


def test_an_address_of_sentinels_says_where_they_are_and_what_they_watch():
    found = sentinels_of(
        "sentinel://app:s%40cret@one,two:26380,[::1]:5000/captions/2?sentinel_password=theirs"
    )
    assert found.addresses == (("one", 26379), ("two", 26380), ("::1", 5000))
    assert (found.service, found.server_options) == (
        "captions",
        {"db": 2, "username": "app", "password": "s@cret"},
    )
    assert found.sentinel_options == {"password": "theirs"}
    assert sentinels_of("redis://one:6379/0") is None
    assert celery_url("sentinel://:pass@one,[::1]:5000/captions/2") == (
        "sentinel://:pass@one:26379/2;sentinel://:pass@[::1]:5000/2"
    )
    assert broker_options("sentinel://one/captions")["master_name"] == "captions"


@pytest.mark.parametrize(
    "url",
    ["sentinel://one", "sentinel:///captions", "sentinel://one/captions/x", "sentinel://one,/captions",
     "sentinel://one:port/captions", "sentinel://:pass-secret@one/captions?timeout=1"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_without_repeating_it(url):
    with pytest.raises(EnvError) as refused:
        read_env(debug=True, redis_url=url)
    assert "REDIS_URL" in str(refused.value) or "sentinel" in str(refused.value)
    assert "secret" not in str(refused.value)


class Watched:
    """A master, a replica of it, and a Sentinel."""

    def __init__(self, folder):
        self._folder = folder
        self.ports = [free_port(), free_port()]
        self.sentinel = free_port()
        self.url = f"sentinel://127.0.0.1:{self.sentinel}/captions"
        self._processes = []

    def __enter__(self):
        master, replica = self.ports
        self._start("--port", str(master), "--save", "")
        self._start("--port", str(replica), "--save", "", "--replicaof", "127.0.0.1", str(master))
        config = self._folder / "sentinel.conf"
        config.write_text(f"port {self.sentinel}\ndir {self._folder}\n{WATCHED.format(port=master)}")
        self._start(str(config), "--sentinel")
        sees = [f"127.0.0.1:{replica}".encode()]
        self._until(lambda asked: [row[b"name"] for row in asked("SENTINEL", "REPLICAS", "captions")] == sees)
        return self

    def __exit__(self, *_):
        for process in self._processes:
            process.send_signal(signal.SIGKILL)
            process.wait(WITHIN_S)

    def kill_master(self):
        """Returns when its replica has taken over."""
        self._processes[0].send_signal(signal.SIGKILL)
        new = str(self.ports[1]).encode()
        self._until(lambda asked: asked("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "captions")[1] == new)

    def _start(self, *arguments):
        command = [binary(), *arguments]
        self._processes.append(subprocess.Popen(command, cwd=self._folder, stdout=subprocess.DEVNULL))

    def _until(self, holds):
        with Redis(port=self.sentinel) as sentinel:

            def asked(*command):
                answer = sentinel.connection_pool.get_connection()
                try:
                    answer.send_command(*command)
                    rows = answer.read_response()
                finally:
                    sentinel.connection_pool.release(answer)
                if command[1] == "REPLICAS":
                    return [
                        dict(zip(row[::2], row[1::2], strict=True)) if isinstance(row, list) else row
                        for row in rows
                    ]
                return rows

            within(lambda: holds(asked))


def within(call):
    """What it returns, when it is something; outages are waited for as the product waits."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        try:
            if found := call():
                return found
        except RedisError as error:
            if not is_outage(error):
                raise
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def watched(tmp_path):
    with Watched(tmp_path) as running:
        yield running


def test_every_part_goes_on_with_the_new_master(watched, settings):
    cache = RedisCache([watched.url], {"OPTIONS": {"pool_class": CachePool, "socket_timeout": 1.0}})
    logs = client(watched.url)
    web, other = WebProcess(watched.url), WebProcess(watched.url)
    settings.REDIS_URL = watched.url
    assert list(from_redis()), "metrics"
    cache.set("known", "before")
    logs.set("log", "before")
    with app.connection(celery_url(watched.url), transport_options=broker_options(watched.url)) as broker:
        queue = broker.SimpleQueue("orders")
        queue.put("before")
        watched.kill_master()
        assert within(lambda: cache.set("known", "after") or cache.get("known")) == "after"
        assert within(lambda: logs.set("log", "after"))
        assert within(lambda: other.renew() or web.leave()), "it knows of the other one"
    with app.connection(celery_url(watched.url), transport_options=broker_options(watched.url)) as broker:
        queue = broker.SimpleQueue("orders")
        queue.put("after")
        assert queue.get(timeout=WITHIN_S).payload in ("before", "after")
    client.cache_clear()


def test_a_subscription_hears_what_is_said_to_the_new_master(watched):
    async def listen():
        layer = RedisPubSubChannelLayer(hosts=[channel_layer_host(watched.url)], prefix="test")
        channel = await layer.new_channel()
        await layer.group_add("room", channel)
        with ThreadPoolExecutor(1) as thread:
            await asyncio.get_running_loop().run_in_executor(thread, watched.kill_master)
        logs = async_client(watched.url)
        try:
            async with asyncio.timeout(WITHIN_S):
                heard = asyncio.create_task(layer.receive(channel))
                while not heard.done():
                    try:
                        await layer.group_send("room", {"type": "said"})
                        await logs.set("log", "after")
                    except RedisError as error:
                        if not is_outage(error):
                            raise
                    await asyncio.wait({heard}, timeout=0.1)
            return await heard
        finally:
            (shard,) = layer._get_layer()._shards
            connected = shard._redis
            await layer.flush()
            await aclose(connected)
            await close_async_clients()

    assert asyncio.run(listen()) == {"type": "said"}
