"""A worker whose Redis restarts takes tasks again."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from asr.tests.real_redis import RealRedis
from config.celery import app
from config.layout import celery_url

WITHIN_S = 60
TOPIC = "orders"


def test_subscription_that_lost_its_redis_says_so_though_redis_is_back_at_once(tmp_path):
    """A worker reads it in the loop in which it takes tasks: reading on would wait for a message that may never come."""
    with (
        RealRedis(tmp_path) as redis,
        ThreadPoolExecutor(1) as loop,
        app.connection(celery_url(redis.url)) as connection,
    ):
        channel = connection.default_channel
        subscription = channel.subclient
        subscription.psubscribe(TOPIC)
        assert subscription.parse_response()[0] == b"psubscribe"
        redis.stop(signal.SIGKILL)
        redis.start()
        reading = loop.submit(channel._receive_one, subscription)
        try:
            with pytest.raises(connection.connection_errors):
                reading.result(WITHIN_S)
        finally:
            with Redis.from_url(redis.url) as client:
                client.publish(TOPIC, "")  # whoever waits goes on
