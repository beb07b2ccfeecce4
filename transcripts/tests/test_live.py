"""Publishing: hints that nobody waits for, in order, in as few messages as there are tracks."""

import asyncio
import time

import pytest
import redis

from asr.tests.real_redis import RealRedis
from transcripts import live
from transcripts.events import RoomClosed, SentenceRemoved
from transcripts.hub import hub

ROOM, LANG = 7, "en"


@pytest.fixture
def server(tmp_path, settings):
    """A Redis of this test's own, which the channel layer uses."""
    with RealRedis(tmp_path) as running:
        layer = {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [running.url]},
        }
        settings.CHANNEL_LAYERS = {"default": layer}
        yield running
        live.flush()


def removed(*versions):
    return [SentenceRemoved(LANG, version, 1, version) for version in versions]


def messages_sent(server):
    with redis.Redis.from_url(server.url) as client:
        return client.info("commandstats").get("cmdstat_publish", {"calls": 0})["calls"]


def test_a_commit_is_one_message_for_its_track(server):
    live.publish_track(ROOM, LANG, removed(*range(20)))
    live.flush()
    assert messages_sent(server) == 1


async def test_events_arrive_in_the_order_of_their_commits_whatever_their_group(server):
    came, enough = [], asyncio.Event()

    def note(event):
        came.append(event)
        if len(came) == len(sent):
            enough.set()

    sent = [*removed(1, 2), RoomClosed(1), *removed(3)]
    for group in (live.room_group(ROOM), live.track_group(ROOM, LANG)):
        await hub().subscribe(group, note)
    live.publish_track(ROOM, LANG, sent[:2])
    live.publish_room(ROOM, sent[2])
    live.publish_track(ROOM, LANG, sent[3:])
    async with asyncio.timeout(20):
        await enough.wait()
    assert came == sent


async def test_no_commit_waits_for_a_silent_redis_and_news_go_on_when_it_answers(server):
    came = []
    await hub().subscribe(live.track_group(ROOM, LANG), came.append)
    with server.silent():
        began = time.monotonic()
        for version in range(50):
            live.publish_track(ROOM, LANG, removed(version))
            live.publish_room(ROOM, RoomClosed(1))
        assert time.monotonic() - began < 10 * live.TIMEOUT_S  # of 100 each waited for that long
        await asyncio.to_thread(live.flush)
        assert time.monotonic() - began < 50 * live.TIMEOUT_S
    last = removed(99)
    async with asyncio.timeout(20):
        while last[0] not in came:
            live.publish_track(ROOM, LANG, last)
            await asyncio.sleep(0.1)
