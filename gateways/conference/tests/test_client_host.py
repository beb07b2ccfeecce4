"""A host on the command line behaves as a browser's page does, against a scripted room."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from asr.audio.recorder import Blob, record_file
from asr.audio.tests.recordings import as_wav, chromium_blobs, tones
from gateways.conference.client.host import Host, HostLostError, HostOptions, HostRefusedError
from gateways.conference.tests.scripted_room import ScriptedRoom, scripted_room


@pytest.fixture
async def room() -> AsyncIterator[ScriptedRoom]:
    async with scripted_room() as scripted:
        yield scripted


def options(room: ScriptedRoom) -> HostOptions:
    return HostOptions(room.url, "DEMO", "secret", lang="en", target="de")


def blobs(count: int, each_ms: int = 20) -> list[Blob]:
    return [Blob(index * each_ms, (index + 1) * each_ms, bytes((index,))) for index in range(count)]


async def test_a_host_says_who_it_is_and_waits_until_it_is_wanted(room):
    seen: list[dict[str, object]] = []
    async with Host(options(room), on_message=seen.append) as host:
        waiting = asyncio.create_task(host.wait_ready())
        room.ready.set()
        await waiting
        assert host.connection_id == "id-1"
    assert room.paths == ["/room/DEMO/host/en/de"]
    assert room.cookies == [
        {"authenticated": "secret", "DEMO-allow_store": "true", "DEMO-allow_client_download": "true"}
    ]
    assert [next(iter(message)) for message in seen] == ["info", "last_n_sents", "info"]
    assert await room.left.get() == 1000


async def test_any_password_arrives_as_it_is(room):
    password = 'a;b, "ü" =%c\\'
    room.ready.set()
    async with Host(replace(options(room), password=password, allow_store=False)) as host:
        await host.wait_ready()
    assert room.cookies[0]["authenticated"] == password
    assert room.cookies[0]["DEMO-allow_store"] == "false"


@pytest.mark.parametrize(
    ("url", "audio_format", "address"),
    [
        ("ws://h:1", "webm", "ws://h:1/room/A%20B/host/en/en"),
        ("http://h/backend/", "webm", "ws://h/backend/room/A%20B/host/en/en"),
        ("https://h", "pcm", "wss://h/room/A%20B/host/en/en?format=pcm_s16le"),
        ("h:8000", "webm", "ws://h:8000/room/A%20B/host/en/en"),
    ],
)
def test_addresses(url, audio_format, address):
    assert HostOptions(url, "A B", "x", audio_format=audio_format).address == address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ws://h:1", "http://h:1/login"),
        ("https://h", "https://h/login"),
        ("http://h/backend/", "http://h/backend/login"),
    ],
)
def test_password_is_exchanged_for_a_key_where_the_room_is(url, address):
    assert HostOptions(url, "A", "x").login_address == address


async def test_blobs_arrive_in_order_and_no_sooner_than_they_are_recorded(room):
    room.ready.set()
    async with Host(options(room)) as host:
        await host.wait_ready()
        began = time.monotonic()
        await host.play(blobs(10), speed=1.0)
        await room.until(blobs=10)
    assert room.blobs == [bytes((index,)) for index in range(10)]
    assert all(arrived - began >= (index + 1) * 0.02 - 0.001 for index, arrived in enumerate(room.arrived))


async def test_speed_shortens_the_wait(room):
    room.ready.set()
    async with Host(options(room)) as host:
        await host.wait_ready()
        began = time.monotonic()
        await host.play(blobs(100, each_ms=1_000), speed=1_000.0)
        await room.until(blobs=100)
    assert 0.1 <= time.monotonic() - began < 30


@pytest.mark.parametrize(
    "refusal",
    [(1003, "Room <X> not found"), (1008, "Authentification failed: no valid password in session cookie")],
)
async def test_a_refusal_says_why(room, refusal):
    room.refusal = refusal
    async with Host(options(room)) as host:
        with pytest.raises(HostRefusedError) as caught:
            await host.wait_ready()
    assert (caught.value.code, caught.value.reason) == refusal
    assert refusal[1] in str(caught.value)


async def test_being_thrown_out_while_playing_says_why(room):
    room.ready.set()
    async with Host(options(room)) as host:
        await host.wait_ready()
        playing = asyncio.create_task(host.play(blobs(100, each_ms=60_000)))
        await room.sockets[0].close(1003, "Room closed")
        with pytest.raises(HostRefusedError, match="Room closed"):
            await playing


async def test_a_server_that_is_not_there_says_so():
    host = Host(HostOptions("ws://127.0.0.1:9", "DEMO", "x"))
    with pytest.raises(HostLostError, match="cannot be reached"):
        await host.connect()


async def test_a_lost_connection_can_be_taken_up_again_with_the_same_recorder(room):
    room.ready.set()
    recorder = iter(blobs(6))
    async with Host(options(room)) as host:
        await host.wait_ready()
        await host.play([next(recorder) for _ in range(3)])
        await room.until(blobs=3)
        await host.drop()
        assert await room.left.get() == 1006
        with pytest.raises(HostLostError):
            await host.send(b"x")
        await host.connect()
        await host.wait_ready()
        await host.play(recorder)
        await room.until(blobs=6)
    assert room.blobs == [bytes((index,)) for index in range(6)]
    assert "connection_id" not in room.cookies[0]
    assert room.cookies[1]["connection_id"] == "id-1"


async def test_asking_for_a_new_engine_waits_for_it(room):
    room.ready.set()
    async with Host(options(room)) as host:
        await host.wait_ready()
        await host.restart_engine()
        await room.until(texts=1)
        waiting = asyncio.create_task(host.wait_ready())
        await room.sockets[0].send(json.dumps({"info": {"ready_to_recieve_audio": True}}))
        await waiting
    assert [json.loads(text) for text in room.texts] == [{"signal": "restart_backend_engine"}]


async def test_messages_that_are_no_json_or_no_objects_are_passed_over(room):
    room.ready.set()
    seen: list[dict[str, object]] = []
    async with Host(options(room), on_message=seen.append) as host:
        await host.wait_ready()
        for message in ("nonsense", "[]", "3", b"\xff", json.dumps({"error": {"code": "x", "message": "y"}})):
            await room.sockets[0].send(message)
        await host.restart_engine()
        await room.until(texts=1)
        await room.sockets[0].send(json.dumps({"info": {"ready_to_recieve_audio": True}}))
        await host.wait_ready()
    assert {"error": {"code": "x", "message": "y"}} in seen


async def test_a_files_blobs_are_what_a_browser_would_send(room):
    room.ready.set()
    async with Host(options(room)) as host:
        await host.wait_ready()
        await host.play(record_file(as_wav(tones(1.0))), speed=100.0)
        await room.until(blobs=4)
    first, *rest = room.blobs
    assert first.startswith(chromium_blobs("chromium_recording")[0][:4])
    assert not any(blob.startswith(b"\x1a\x45\xdf\xa3") for blob in rest)


async def test_a_host_whose_connection_is_dropped_while_it_listens_is_told_so(room):
    room.ready.set()
    host = Host(options(room))
    await host.connect()
    await host.wait_ready()
    listening = asyncio.create_task(host.listen(60))
    await asyncio.sleep(0)  # it listens
    await host.drop()
    with pytest.raises(HostLostError):
        await listening


def test_a_page_that_numbers_its_audio_says_by_which_recorder():
    numbered = HostOptions("ws://h:1", "DEMO", "secret", recorder="0" * 32, audio_format="pcm")
    assert numbered.address == f"ws://h:1/room/DEMO/host/en/en?format=pcm_s16le&recorder={'0' * 32}"
