"""A host's audio on its way into the logs: which blob belongs to which session, and who may not write any more."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from django.conf import settings

from asr.audio_log import AudioLog
from asr.redis_clients import close_async_clients
from gateways.conference.audio import AudioWriter, Report
from gateways.conference.recorder import RecorderHeader
from rooms.encryption import Cipher, new_key

WITHIN_S = 60
HEAD = b"\x1a\x45\xdf\xa3header\x1f\x43\xb6\x75cluster"


@pytest.fixture(autouse=True)
async def _clients_are_closed():
    yield
    await close_async_clients()


@pytest.fixture
def session() -> int:
    """A session that nobody used; the next one is free too."""
    return int(uuid4().int >> 70) * 2


CIPHER = Cipher(new_key())


async def cipher_of(session: int) -> Cipher:
    """One key for all sessions, which have no rows here."""
    return CIPHER


def entries(session: int) -> list[tuple[str, bytes]]:
    log = AudioLog(settings.REDIS_URL, str(session), cipher=CIPHER)
    return [(entry.kind, entry.data) for entry in log.read("0-0", block_ms=0)]


def new_writer(session: int, *, fence: int = 0, raw_pcm: bool = True) -> AudioWriter:
    return AudioWriter(
        session, fence=fence, fresh=True, header=RecorderHeader(), raw_pcm=raw_pcm, ciphers=cipher_of
    )


async def report_nothing(code: str) -> None:
    raise AssertionError(code)


@asynccontextmanager
async def running(writer: AudioWriter, report: Report = report_nothing):
    task = asyncio.create_task(writer.run("", report))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def written(*writers: AudioWriter) -> None:
    for writer in writers:
        async with running(writer), asyncio.timeout(WITHIN_S):
            await writer.drained()


async def test_writer_that_is_cancelled_ends_wherever_it_is(session):
    for steps in range(150):
        writer = new_writer(session)
        writer.enqueue(b"blob")
        task = asyncio.create_task(writer.run("", report_nothing))
        for _ in range(steps % 15):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=WITHIN_S)
        assert done, steps


async def test_what_came_before_a_restart_is_the_older_session_s_though_it_waited(session):
    writer = new_writer(session, raw_pcm=False)
    writer.enqueue(HEAD)
    writer.enqueue(b"before")
    writer.switch(session + 1)
    writer.enqueue(b"after")
    writer.switch(session)  # an older answer that comes late
    writer.enqueue(b"later")
    await written(writer)
    assert entries(session) == [("head", HEAD), ("more", b"before"), ("end", b"")]
    assert entries(session + 1) == [
        ("head", HEAD.partition(b"\x1f")[0]), ("join", b"after"), ("more", b"later"),
    ]  # fmt: skip


async def test_end_is_said_once_and_again_when_more_has_come(session):
    writer = new_writer(session)
    writer.end_log()
    writer.end_log()
    writer.enqueue(b"x")
    writer.end_log()
    await written(writer)
    assert [kind for kind, _ in entries(session)] == ["end", "pcm", "end"]


async def test_host_that_lost_its_host_lease_writes_nothing_more_and_its_successor_goes_on(session):
    older, newer = new_writer(session), new_writer(session, fence=1)
    older.enqueue(b"older")
    await written(older)
    newer.enqueue(b"newer")
    await written(newer)
    older.enqueue(b"too late")
    older.enqueue(b"too late too")
    older.end_log()
    await written(older)
    newer.enqueue(b"goes on")
    await written(newer)
    assert entries(session) == [("pcm", b"older"), ("pcm", b"newer"), ("pcm", b"goes on")]


async def test_what_is_dropped_is_not_heard_nor_what_comes_after_it(session):
    writer = new_writer(session)
    writer.enqueue(b"said")
    writer.drop()
    writer.enqueue(b"more")
    writer.end_log()
    await written(writer)
    assert entries(session) == []


async def test_socket_that_takes_over_waits_for_the_older_one_in_the_same_log_alone(session):
    older, newer, elsewhere = new_writer(session), new_writer(session), new_writer(session + 1)
    newer.after(older)
    elsewhere.after(older)
    for writer, blob in ((older, b"first"), (newer, b"second"), (elsewhere, b"alone")):
        writer.enqueue(blob)
    await written(elsewhere)
    async with running(newer), running(older), asyncio.timeout(WITHIN_S):
        await older.drained()
        older.finished.set()
        await newer.drained()
    assert entries(session) == [("pcm", b"first"), ("pcm", b"second")]


@pytest.mark.parametrize(
    "between", [False, True], ids=["right behind it", "with one between that said nothing"]
)
async def test_what_waits_of_an_older_socket_comes_first_however_long_that_takes(session, between):
    older, newer = new_writer(session), new_writer(session)
    before = older
    if between:
        before = new_writer(session)
        before.after(older)
        before.finished.set()
    newer.after(before, within_s=0.01)
    older.enqueue(b"first")
    newer.enqueue(b"second")
    told: list[str] = []

    async def note(code: str) -> None:
        told.append(code)

    async with running(newer, note):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await newer.drained()
        async with running(older), asyncio.timeout(WITHIN_S):
            await older.drained()
            older.finished.set()
            await newer.drained()
    assert entries(session) == [("pcm", b"first"), ("pcm", b"second")]
    assert told == ["audio_waits"]


class TestCountedBlobs:
    """A recorder that numbers its blobs sends again what it does not know to be taken, over whatever connection."""

    @staticmethod
    def counting(session: int, recorder: str, *, fresh: bool = True, known: bytes = b"") -> AudioWriter:
        header = RecorderHeader(known)
        return AudioWriter(
            session, fence=0, fresh=fresh, header=header, raw_pcm=False, recorder=recorder, ciphers=cipher_of
        )

    async def test_what_was_taken_over_an_older_connection_is_not_heard_twice(self, session):
        recorder = uuid4().hex
        older, newer = self.counting(session, recorder), self.counting(session, recorder, fresh=False)
        for number, blob in enumerate((HEAD, b"one", b"two")):
            older.enqueue(blob, number)
        await written(older)
        for number, blob in enumerate((b"one", b"two", b"three", b"four"), 1):
            newer.enqueue(blob, number)
        await written(newer)
        assert entries(session) == [
            ("head", HEAD), ("more", b"one"), ("more", b"two"), ("more", b"three"), ("more", b"four"),
        ]  # fmt: skip
        assert newer.received == 5

    async def test_where_a_blob_is_missing_the_decoder_is_told(self, session):
        recorder = uuid4().hex
        older, newer = self.counting(session, recorder), self.counting(session, recorder, fresh=False)
        older.enqueue(HEAD, 0)
        await written(older)
        newer.enqueue(b"seven", 7)
        newer.enqueue(b"eight", 8)
        await written(newer)
        assert entries(session) == [("head", HEAD), ("join", b"seven"), ("more", b"eight")]

    async def test_what_was_taken_into_another_session_s_log_is_known_too(self, session):
        recorder = uuid4().hex
        older = self.counting(session, recorder)
        older.enqueue(HEAD, 0)
        older.enqueue(b"one", 1)
        await written(older)
        newer = self.counting(session + 1, recorder, known=HEAD.partition(b"\x1f")[0])
        newer.enqueue(b"one", 1)
        newer.enqueue(b"two", 2)
        await written(newer)
        assert entries(session + 1) == [("head", HEAD.partition(b"\x1f")[0]), ("join", b"two")]

    async def test_two_processes_that_write_at_once_double_nothing(self, session):
        recorder = uuid4().hex
        writers = [self.counting(session, recorder, fresh=False) for _ in range(3)]
        for writer in writers:
            for number in range(50):
                writer.enqueue(bytes((number,)), number)
        async with asyncio.timeout(WITHIN_S), contextlib.AsyncExitStack() as at_once:
            for writer in writers:
                await at_once.enter_async_context(running(writer))
            for writer in writers:
                await writer.drained()
        assert [data for _, data in entries(session)] == [bytes((number,)) for number in range(50)]
