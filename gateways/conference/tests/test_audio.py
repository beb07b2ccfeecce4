"""A host's audio while Redis takes nothing: kept in order, said once, written when there is room."""

import asyncio
import tempfile
from pathlib import Path

import pytest

from asr.audio_log import AudioLog, close_async_clients
from asr.tests.real_redis import RealRedis
from gateways.conference.audio import AudioWriter, RecorderHeader

WITHIN_S = 60


@pytest.fixture
def server(settings):
    with tempfile.TemporaryDirectory() as folder, RealRedis(Path(folder)) as running:
        settings.REDIS_URL = running.url
        yield running


class Host:
    """A host's socket as its writer sees it."""

    def __init__(self):
        self.told = []
        self.was_told = asyncio.Event()

    async def report(self, code, message):
        self.told.append(code)
        self.was_told.set()


@pytest.mark.parametrize("outage", ["full", "unable_to_save"])
async def test_host_is_told_once_an_outage_and_no_blob_is_lost_or_doubled(server, outage):
    host, writer = Host(), AudioWriter(7, fresh=True, header=RecorderHeader(), raw_pcm=True)
    writing = asyncio.create_task(writer.run("", host.report))
    log = AudioLog(server.url, "7")
    try:
        async with asyncio.timeout(WITHIN_S):
            for number in range(2):
                host.was_told.clear()
                with getattr(server, outage)():
                    assert all(writer.take(b"%d-%d" % (number, blob)) for blob in range(5))
                    await host.was_told.wait()
                await writer.drained()
        assert host.told == ["audio_waits", "audio_waits"]
        stored = [entry.data for entry in await asyncio.to_thread(log.read, "0-0", block_ms=0)]
        assert stored == [b"%d-%d" % (number, blob) for number in range(2) for blob in range(5)]
    finally:
        writing.cancel()
        await close_async_clients()
