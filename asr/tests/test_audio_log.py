"""Audio waits in Redis: in order, bounded, trimmed behind the checkpoint, never doubled, whatever happens to Redis."""

import asyncio
import signal
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from asr.audio.decode import Checkpoint, StreamDecoder
from asr.audio.tests.recordings import chromium_blobs, decode, entries
from asr.audio_log import EXPIRE_S, AsyncAudioLog, AudioLog, AudioLogUnavailable, Limits
from asr.redis_clients import close_async_clients
from asr.tests.real_redis import RealRedis
from rooms.encryption import Cipher, new_key

CIPHER = Cipher(new_key())


@pytest.fixture(scope="module")
def server() -> Iterator[RealRedis]:
    with tempfile.TemporaryDirectory() as folder, RealRedis(Path(folder)) as running:
        yield running


@pytest.fixture
def restartable() -> Iterator[RealRedis]:
    with tempfile.TemporaryDirectory() as folder, RealRedis(Path(folder)) as running:
        yield running


@pytest.fixture
def log(server: RealRedis) -> AudioLog:
    return AudioLog(server.url, str(uuid4()), cipher=CIPHER)


@pytest.fixture
async def clients() -> AsyncIterator[None]:
    yield
    await close_async_clients()


def at(entry_id: str) -> Checkpoint:
    return Checkpoint(entry_id, 3, b"\x1a\x45", 960, 960, -16)


def save(log: AudioLog, checkpoint: Checkpoint) -> bool:
    """What a process of one channel keeps."""
    return log.save_checkpoints_and_trim({"": checkpoint}, keep_from=checkpoint.entry_id)


def kinds_and_data(log: AudioLog) -> list[tuple[str, bytes]]:
    return [(entry.kind, entry.data) for entry in log.read("0-0", block_ms=0, count=10_000)]


def test_entries_come_back_in_order_as_they_were_sent(log):
    sent = [("head", b"\x1a\x45\xdf\xa3\x00\xff"), ("more", bytes(range(256))), ("end", b"")]
    assert all(log.append(*entry) for entry in sent)
    assert kinds_and_data(log) == sent
    first, *rest = log.read("0-0", block_ms=0)
    assert log.read(first.entry_id, block_ms=0) == rest
    assert log.read(rest[-1].entry_id, block_ms=0) == []
    assert log.has_after(first.entry_id)
    assert not log.has_after(rest[-1].entry_id)


def test_an_entry_knows_when_it_arrived(log, server):
    log.append("pcm", b"ab")
    (entry,) = log.read("0-0", block_ms=0)
    with redis.Redis.from_url(server.url) as client:
        now_s, _ = client.time()
    assert abs(now_s - entry.arrived_s) < 5


async def test_the_web_process_writes_what_the_asr_process_reads(server, clients):
    session = str(uuid4())
    writer, reader = (
        AsyncAudioLog(server.url, session, cipher=CIPHER),
        AudioLog(server.url, session, cipher=CIPHER),
    )
    for index in range(20):
        assert await writer.append("more", bytes((index,)))
    assert [data for _, data in kinds_and_data(reader)] == [bytes((index,)) for index in range(20)]
    await writer.delete()
    assert kinds_and_data(reader) == []


def test_a_reader_that_waits_gets_what_comes(log):
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.extend(e.data for e in log.read("0-0", block_ms=5_000)))
    reader.start()
    log.append("more", b"now")
    reader.join(5)
    assert found == [b"now"]


def test_more_entries_than_ten_minutes_are_refused_and_the_loss_is_marked(server):
    log = AudioLog(server.url, str(uuid4()), cipher=CIPHER, limits=Limits(entries=5, size_bytes=1_000))
    assert [log.append("more", b"x") for _ in range(7)] == [True] * 5 + [False] * 2
    assert log.append("end", b""), "that the host left is always told"
    waiting = log.read("0-0", block_ms=0)
    save(log, at(waiting[3].entry_id))
    assert log.append("more", b"y")
    assert log.append("more", b"z")
    assert kinds_and_data(log)[-2:] == [("join", b"y"), ("more", b"z")]


def test_more_bytes_than_ten_minutes_are_refused_until_some_are_trimmed(server):
    log = AudioLog(
        server.url, str(uuid4()), cipher=CIPHER, limits=Limits(entries=1_000, size_bytes=184)
    )  # encrypted, each is 28 longer
    assert [log.append("pcm", bytes(30)) for _ in range(4)] == [True, True, True, False]
    waiting = log.read("0-0", block_ms=0)
    save(log, at(waiting[1].entry_id))
    assert [log.append("pcm", bytes(40)), log.append("pcm", bytes(1))] == [True, False]


def test_a_single_message_larger_than_everything_allowed_is_refused(log):
    assert not log.append("head", bytes(20_000_001))
    assert kinds_and_data(log) == []


def test_a_checkpoint_and_the_trim_before_it_are_one_step(log):
    for index in range(10):
        log.append("more", bytes((index,)))
    waiting = log.read("0-0", block_ms=0)
    checkpoint = at(waiting[4].entry_id)
    assert save(log, checkpoint)
    assert log.load_checkpoints().get("") == checkpoint
    assert log.read("0-0", block_ms=0) == waiting[4:]
    assert log.read("0-0", block_ms=0) == waiting[4:]


def test_an_older_process_cannot_put_the_checkpoint_back(log):
    for index in range(10):
        log.append("more", bytes((index,)))
    waiting = log.read("0-0", block_ms=0)
    assert save(log, at(waiting[6].entry_id))
    assert not save(log, at(waiting[2].entry_id))
    assert save(log, at(waiting[6].entry_id))
    loaded = log.load_checkpoints().get("")
    assert loaded is not None
    assert loaded.entry_id == waiting[6].entry_id


def test_channels_share_one_log_in_the_order_of_arrival_and_each_has_a_checkpoint(log):
    for channel, data in (("ada", b"1"), ("bo", b"2"), ("ada", b"3"), ("", b"4")):
        log.append("pcm", data, channel=channel)
    entries = log.read("0-0", block_ms=0)
    assert [(each.channel, each.data) for each in entries] == [
        ("ada", b"1"), ("bo", b"2"), ("ada", b"3"), ("", b"4")
    ]  # fmt: skip
    points = {"ada": at(entries[2].entry_id), "bo": at(entries[1].entry_id)}
    assert log.save_checkpoints_and_trim(points, keep_from=entries[1].entry_id)
    assert log.load_checkpoints() == points
    assert log.read("0-0", block_ms=0) == entries[1:]


def test_loss_is_marked_in_the_channel_that_lost_something(server):
    log = AudioLog(server.url, str(uuid4()), cipher=CIPHER, limits=Limits(entries=1))
    assert log.append("more", b"1", channel="ada")
    assert not log.append("more", b"2", channel="ada")
    (first,) = log.read("0-0", block_ms=0)
    log.save_checkpoints_and_trim({}, keep_from=f"{int(first.entry_id.split('-')[0]) + 1}-0")
    assert log.append("more", b"3", channel="bo")
    assert log.read("0-0", block_ms=0)[0].kind == "more"


def test_log_that_is_new_has_no_checkpoint(log):
    assert log.load_checkpoints() == {}


def test_a_checkpoint_that_cannot_be_read_counts_as_none(log, server):
    log.append("more", b"x")
    (entry,) = log.read("0-0", block_ms=0)
    save(log, at(entry.entry_id))
    with redis.Redis.from_url(server.url) as client:
        (key,) = client.keys(b"*:checkpoint") if len(client.keys(b"*:checkpoint")) == 1 else _newest(client)
        client.hset(key, "checkpoint:", b"nonsense")
    assert log.load_checkpoints().get("") is None


def _newest(client: redis.Redis) -> list[bytes]:
    return sorted(client.keys(b"*:checkpoint"), key=lambda key: client.hget(key, "entry_id"))[-1:]


def test_nothing_is_left_behind_for_ever(server):
    session = str(uuid4())
    log = AudioLog(server.url, session, cipher=CIPHER)
    log.append("more", b"x")
    (entry,) = log.read("0-0", block_ms=0)
    save(log, at(entry.entry_id))
    with redis.Redis.from_url(server.url) as client:
        assert 0 < client.ttl(f"audio:{session}") <= EXPIRE_S
        assert 0 < client.ttl(f"audio:{session}:checkpoint") <= EXPIRE_S
        log.delete()
        assert client.keys(f"audio:{session}*") == []


def test_two_sessions_do_not_meet(server):
    one, other = AudioLog(server.url, "1", cipher=CIPHER), AudioLog(server.url, "2", cipher=CIPHER)
    one.append("more", b"x")
    assert kinds_and_data(other) == []


async def test_what_was_written_before_redis_was_restarted_is_read_afterwards(restartable, clients):
    writer, reader = (
        AsyncAudioLog(restartable.url, "7", cipher=CIPHER),
        AudioLog(restartable.url, "7", cipher=CIPHER),
    )
    assert await writer.append("head", b"before")
    (before,) = reader.read("0-0", block_ms=0)
    restartable.stop(signal.SIGKILL)
    restartable.start()
    assert await writer.append("more", b"after")
    assert [entry.data for entry in reader.read(before.entry_id, block_ms=0)] == [b"after"]
    assert [entry.data for entry in reader.read("0-0", block_ms=0)] == [b"before", b"after"]


async def test_while_redis_is_away_one_error_says_so_and_nothing_is_doubled_after(restartable, clients):
    writer, reader = (
        AsyncAudioLog(restartable.url, "7", cipher=CIPHER),
        AudioLog(restartable.url, "7", cipher=CIPHER),
    )
    await writer.append("head", b"one")
    blob = b"two"
    restartable.stop()
    with pytest.raises(AudioLogUnavailable):
        await writer.append("more", blob)
    for call in (
        lambda: reader.read("0-0", block_ms=100),
        lambda: reader.has_after("0-0"),
        lambda: save(reader, at("1-0")),
        reader.load_checkpoints,
        reader.delete,
        lambda: reader.append("more", b"x"),
    ):
        with pytest.raises(AudioLogUnavailable):
            call()
    restartable.start()
    assert await writer.append("more", blob)
    assert kinds_and_data(reader) == [("head", b"one"), ("more", b"two")]


async def test_a_blob_that_arrived_though_the_answer_was_lost_is_not_doubled(server, clients):
    session = str(uuid4())
    writer, reader = (
        AsyncAudioLog(server.url, session, cipher=CIPHER),
        AudioLog(server.url, session, cipher=CIPHER),
    )
    blob = b"\x01\x02"
    arguments = writer._appending.arguments("more", blob, "")
    await writer._append(writer._keys.both, arguments)  # taken, and the answer never seen
    assert await writer.append("more", blob)
    assert await writer.append("more", b"\x01\x02\x03")
    assert [data for _, data in kinds_and_data(reader)] == [b"\x01\x02", b"\x01\x02\x03"]


async def test_a_reader_waiting_while_redis_restarts_goes_on(restartable):
    log = AudioLog(restartable.url, "7", cipher=CIPHER)
    log.append("head", b"one")
    (first,) = log.read("0-0", block_ms=0)

    def follow() -> list[bytes]:
        while True:
            try:
                found = log.read(first.entry_id, block_ms=500)
            except AudioLogUnavailable:
                continue
            if found:
                return [entry.data for entry in found]

    following = asyncio.create_task(asyncio.to_thread(follow))
    await asyncio.to_thread(restartable.stop, signal.SIGKILL)
    await asyncio.to_thread(restartable.start)
    await asyncio.to_thread(log.append, "more", b"two")
    assert await following == [b"two"]


async def test_a_full_redis_is_one_that_takes_nothing_now_and_nothing_is_doubled_after(restartable, clients):
    writer, reader = (
        AsyncAudioLog(restartable.url, "7", cipher=CIPHER),
        AudioLog(restartable.url, "7", cipher=CIPHER),
    )
    assert await writer.append("head", b"one")
    blob = b"two"
    with restartable.full():
        with pytest.raises(AudioLogUnavailable):
            await writer.append("more", blob)
        assert kinds_and_data(reader) == [("head", b"one")]
    assert await writer.append("more", blob)
    assert kinds_and_data(reader) == [("head", b"one"), ("more", b"two")]


def test_a_full_redis_gets_room_again_because_what_was_heard_is_trimmed(restartable):
    log = AudioLog(restartable.url, "7", cipher=CIPHER)
    for index in range(300):
        log.append("more", bytes((index % 256,)) * 4_000)
    waiting = log.read("0-0", block_ms=0, count=1_000)
    with redis.Redis.from_url(restartable.url) as client:
        used_bytes = client.info("memory")["used_memory"]
        client.config_set("maxmemory", used_bytes)
        client.script_flush()
        with pytest.raises(AudioLogUnavailable):
            log.append("more", bytes(4_000))
        checkpoint = at(waiting[200].entry_id)
        assert save(log, checkpoint)
        assert log.load_checkpoints().get("") == checkpoint
        assert log.append("more", bytes(4_000))
        client.config_set("maxmemory", 0)


def test_a_redis_that_cannot_save_is_waited_for(restartable):
    log = AudioLog(restartable.url, "7", cipher=CIPHER)
    log.append("head", b"one")
    (first,) = log.read("0-0", block_ms=0)
    with restartable.unable_to_save():
        for call in (
            lambda: log.append("more", b"two"),
            lambda: save(log, at(first.entry_id)),
        ):
            with pytest.raises(AudioLogUnavailable):
                call()
        assert log.read("0-0", block_ms=0) == [first]
    assert log.append("more", b"two")


@pytest.mark.parametrize(("command", "error"), [(("SET", "audio:7", "x"), "WRONGTYPE"), ((), "NOAUTH")])
def test_a_fault_is_no_outage(restartable, command, error):
    log = AudioLog(restartable.url, "7", cipher=CIPHER)
    with redis.Redis.from_url(restartable.url) as client:
        if command:
            client.execute_command(*command)
        else:
            client.config_set("requirepass", "another")
            client.execute_command("CLIENT", "KILL", "TYPE", "normal")
    with pytest.raises(redis.RedisError) as raised:
        log.append("more", b"x")
    assert error in str(raised.value) or isinstance(raised.value, redis.AuthenticationError)


def test_a_new_process_goes_on_from_the_checkpoint_with_what_is_left(log):
    blobs = chromium_blobs("chromium_recording")
    for _, kind, blob in entries(blobs):
        log.append(kind, blob)
    decoder = StreamDecoder()
    heard = []
    for entry in log.read("0-0", block_ms=0, count=30):
        heard += decoder.feed(entry.entry_id, entry.kind, entry.data)
    checkpoint = decoder.checkpoint(6_000)
    assert checkpoint is not None
    save(log, checkpoint)
    loaded = log.load_checkpoints().get("")
    left = log.read("0-0", block_ms=0, count=1_000)
    assert left[0].entry_id == checkpoint.entry_id
    assert len(left) < len(blobs) - 15
    again = decode([(entry.entry_id, entry.kind, entry.data) for entry in left], StreamDecoder(resume=loaded))
    assert again[0].start_ms <= 6_000
    assert again[-1].start_ms * 16 + len(again[-1].samples) == 11_460 * 16
