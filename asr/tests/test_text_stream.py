"""Text in Redis: in order, at least once, bounded, expiring; only the newest hypothesis; one writer."""

import tempfile
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from asr.redis_clients import close_async_clients
from asr.tests.real_redis import RealRedis
from asr.text_stream import (
    EXPIRE_S,
    AsyncTextStream,
    Piece,
    Standing,
    TextGap,
    TextStream,
    TextStreamTaken,
    TextStreamUnavailable,
)
from rooms.encryption import Cipher, new_key

CIPHER = Cipher(new_key())


@pytest.fixture(scope="module")
def server():
    with tempfile.TemporaryDirectory() as folder, RealRedis(Path(folder)) as running:
        yield running


@pytest.fixture
def session():
    return str(uuid4())


@pytest.fixture(autouse=True)
async def clients():
    yield
    await close_async_clients()


def words(*texts):
    return Piece("words", {"words": [[0, 1, text, 1.0] for text in texts]})


def hypothesis(*texts):
    return Piece("hypothesis", {"words": [[0, 1, text, 0.5] for text in texts]})


def said(texts):
    return [(text.channel, text.kind, [row[2] for row in text.data.get("words", ())]) for text in texts]


async def test_what_is_final_comes_in_order_and_once_and_of_hypotheses_the_newest_alone(server, session):
    stream, reader = (
        TextStream(server.url, session, 1, cipher=CIPHER),
        AsyncTextStream(server.url, session, cipher=CIPHER),
    )
    stream.append("ada", [hypothesis(" on")])
    stream.append("bo", [hypothesis(" zw")])
    stream.append("ada", [words(" one"), hypothesis(" tw")], committed_ms=900, last_word=" one")
    stream.append("ada", [hypothesis(" two")])
    assert said(await reader.read(block_ms=0)) == [
        ("bo", "hypothesis", [" zw"]), ("ada", "words", [" one"]), ("ada", "hypothesis", [" two"]),
    ]  # fmt: skip
    assert await reader.read(block_ms=0) == []
    stream.append("ada", [words(" two")])
    assert said(await reader.read(block_ms=0)) == [("ada", "words", [" two"])]


async def test_reader_that_comes_back_goes_on_behind_what_it_had(server, session):
    stream, first = (
        TextStream(server.url, session, 1, cipher=CIPHER),
        AsyncTextStream(server.url, session, cipher=CIPHER),
    )
    stream.append("", [words(" one"), words(" two")])
    assert len(await first.read(block_ms=0, count=1)) == 1
    again = AsyncTextStream(server.url, session, cipher=CIPHER, after=first.after, seq=first.seq)
    assert said(await again.read(block_ms=0)) == [("", "words", [" two"])]


async def test_slow_reader_is_told_how_much_was_trimmed_and_goes_on(server, session):
    stream = TextStream(server.url, session, 1, cipher=CIPHER, max_entries=5)
    reader = AsyncTextStream(server.url, session, cipher=CIPHER)
    stream.append("", [words(" 1")])
    assert len(await reader.read(block_ms=0)) == 1
    for number in range(2, 21):
        stream.append("", [words(f" {number}"), hypothesis(" more")])
    with pytest.raises(TextGap) as gap:
        await reader.read(block_ms=0)
    seen = await reader.read(block_ms=0)
    assert [text.data["words"][0][2] for text in seen] == [" 17", " 18", " 19", " 20", " more"]
    assert gap.value.missed == 15
    with redis.Redis.from_url(server.url) as client:
        assert client.xlen(f"text:{session}") == 5


async def test_reader_that_keeps_up_sees_no_gap_though_hypotheses_are_taken_back(server, session):
    stream, reader = (
        TextStream(server.url, session, 1, cipher=CIPHER, max_entries=5),
        AsyncTextStream(server.url, session, cipher=CIPHER),
    )
    for number in range(50):
        stream.append("ada", [hypothesis(" x")])
        stream.append("bo", [hypothesis(" y")])
        stream.append("ada", [words(f" {number}")])
        assert ("ada", "words", [f" {number}"]) in said(await reader.read(block_ms=0))


async def test_append_whose_answer_was_lost_adds_nothing_when_it_is_tried_again(server, session):
    stream, reader = (
        TextStream(server.url, session, 1, cipher=CIPHER),
        AsyncTextStream(server.url, session, cipher=CIPHER),
    )
    for _ in range(2):
        stream.append("ada", [words(" one")], token="t1", committed_ms=900, last_word=" one")
    stream.append("bo", [words(" eins")], token="t1")
    assert len(await reader.read(block_ms=0)) == 2


async def test_words_and_how_far_they_go_are_one_step_that_a_full_redis_refuses_whole(server, session):
    stream, reader = (
        TextStream(server.url, session, 1, cipher=CIPHER),
        AsyncTextStream(server.url, session, cipher=CIPHER),
    )
    stream.append("ada", [words(" one"), hypothesis(" tw")], committed_ms=900, last_word=" one")
    with server.full():
        with pytest.raises(TextStreamUnavailable):
            stream.append("ada", [words(" two")], committed_ms=1800, last_word=" two")
        with pytest.raises(TextStreamUnavailable):
            TextStream(server.url, session, 2, cipher=CIPHER).begin("ada")
    assert stream.begin("ada") == Standing(900, " one")
    assert said(await reader.read(block_ms=0)) == [("ada", "words", [" one"]), ("ada", "hypothesis", [" tw"])]


def test_successor_goes_on_in_each_channel_and_shuts_the_one_before_out(server, session):
    old, new = (
        TextStream(server.url, session, 1, cipher=CIPHER),
        TextStream(server.url, session, 2, cipher=CIPHER),
    )
    old.append("ada", [words(" one")], committed_ms=900, last_word=" one", lang="de", speech="started:40")
    old.append("bo", [words(" eins")], committed_ms=700, last_word=" eins")
    old.append("ada", [Piece("error", {"code": "undecodable_audio"})])
    assert new.begin("ada") == Standing(900, " one", "de", "started:40")
    assert new.begin("bo") == Standing(700, " eins")
    assert new.begin("cy") == Standing()
    for call in (lambda: old.append("ada", [words(" two")], committed_ms=2000), lambda: old.begin("ada")):
        with pytest.raises(TextStreamTaken):
            call()
    assert new.begin("ada") == Standing(900, " one", "de", "started:40")


def test_text_expires_and_can_be_dropped(server, session):
    stream = TextStream(server.url, session, 1, cipher=CIPHER)
    stream.append("", [words(" one")], committed_ms=900)
    with redis.Redis.from_url(server.url) as client:
        keys = [f"text:{session}", f"text:{session}:state"]
        assert all(0 < client.ttl(key) <= EXPIRE_S for key in keys)
        stream.delete()
        assert client.exists(*keys) == 0


async def test_redis_that_is_away_is_told_apart_from_a_fault(tmp_path, session):
    with RealRedis(tmp_path) as own:
        url = own.url
    for call in (lambda: TextStream(url, session, 1, cipher=CIPHER).append("", [words(" x")]), lambda: TextStream(url, session, 1, cipher=CIPHER).begin("")):  # fmt: skip
        with pytest.raises(TextStreamUnavailable):
            call()
    with pytest.raises(TextStreamUnavailable):
        await AsyncTextStream(url, session, cipher=CIPHER).read(block_ms=0)
