"""Public keys: where they come from, how long they are believed, and that nobody waits or pays for a name that was made up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from gateways.meetings.public_keys import (
    FETCHED_AT_ONCE,
    FETCHED_WITHIN_S,
    KEPT,
    KEPT_FOR_S,
    KEY_BYTES,
    MISSED_FOR_S,
    KeyNotFound,
    PublicKeys,
    fetcher,
)
from gateways.meetings.tests.signed import KID, file_name, public_pem, publish


class Place:
    """Where keys are; counts who asks."""

    def __init__(self, *kids: str) -> None:
        self.now_s = 0.0
        self.files = {file_name(kid): kid.encode() for kid in kids}
        self.asked: Counter[str] = Counter()
        self.at_once = self.most_at_once = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.is_full = asyncio.Event()  # as many ask as may
        self.asks = asyncio.Event()
        self.keys = PublicKeys(self.fetch, clock=lambda: self.now_s)

    async def fetch(self, name: str) -> bytes:
        self.asked[name] += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.asks.set()
        if self.at_once == FETCHED_AT_ONCE:
            self.is_full.set()
        try:
            await self.gate.wait()
        finally:
            self.at_once -= 1
        if name not in self.files:
            raise KeyNotFound
        return self.files[name]

    async def has(self, kid: str) -> bool:
        try:
            return await self.keys.get(kid) == kid
        except KeyNotFound:
            return False


async def test_key_is_asked_for_once_and_again_when_it_may_have_been_withdrawn():
    place = Place("a")
    assert [await place.has("a") for _ in range(3)] == [True] * 3
    assert place.asked[file_name("a")] == 1
    place.files.clear()
    place.now_s = KEPT_FOR_S - 1
    assert await place.has("a")
    place.now_s = KEPT_FOR_S
    assert not await place.has("a")


async def test_key_that_was_missing_is_found_soon_after_it_was_published():
    place = Place()
    assert [await place.has("a") for _ in range(3)] == [False] * 3
    assert place.asked[file_name("a")] == 1
    place.files[file_name("a")] = b"a"
    place.now_s = MISSED_FOR_S
    assert await place.has("a")


async def test_many_who_ask_for_the_same_key_wait_for_one_answer_and_names_are_asked_for_few_at_a_time():
    place = Place("a")
    place.gate.clear()
    asking = [asyncio.ensure_future(place.has("a")) for _ in range(50)]
    asking += [asyncio.ensure_future(place.has(f"made up {n}")) for n in range(20)]
    await place.is_full.wait()
    place.gate.set()
    found = await asyncio.gather(*asking)
    assert found == [True] * 50 + [False] * 20
    assert set(place.asked.values()) == {1}
    assert place.most_at_once == FETCHED_AT_ONCE


async def test_whoever_goes_while_waiting_takes_the_answer_from_nobody():
    place = Place("a")
    place.gate.clear()
    first, second = (asyncio.ensure_future(place.has("a")) for _ in range(2))
    await place.asks.wait()
    first.cancel()
    await asyncio.wait({first})
    place.gate.set()
    assert await second


async def test_names_that_were_made_up_push_no_key_out():
    place = Place("a")
    assert await place.has("a")
    for n in range(KEPT + 50):
        await place.has(f"made up {n}")
    assert await place.has("a")
    assert place.asked[file_name("a")] == 1


async def test_place_that_does_not_answer_is_not_waited_for():
    place = Place("a")
    place.gate.clear()
    async with asyncio.timeout(FETCHED_WITHIN_S + 20):
        assert not await place.has("a")


class Server:
    """An HTTP server with some files, and some traps."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        self.paths.append(asked)
        status, body, extra = "404 Not Found", b"nothing", b""
        if asked.endswith(file_name()):
            status, body = "200 OK", public_pem()
        elif asked.endswith(file_name("long")):
            status, body = "200 OK", b"x" * (KEY_BYTES + 1)
        elif asked.endswith(file_name("elsewhere")):
            status, extra = "302 Found", f"Location: /{file_name()}\r\n".encode()
        elif asked.endswith(file_name("binary")):
            status, body = "200 OK", b"\xff\x00"
        writer.write(b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                     % (status.encode(), extra, len(body), body))  # fmt: skip
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    served = Server()
    listening = await asyncio.start_server(served.answer, "127.0.0.1", 0)
    async with listening:
        served.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield served


@pytest.mark.parametrize(("place", "folder"), [("/asap/", "keys/"), ("/asap", "/keys"), ("/asap/keys", "")])
async def test_key_is_the_file_of_its_name_s_hash_on_a_server(server, place, folder):
    keys = PublicKeys(fetcher(server.url + place, folder))
    assert await keys.get(KID) == public_pem().decode()
    assert server.paths == [f"/asap/keys/{file_name()}"]


@pytest.mark.parametrize("kid", ["none", "long", "elsewhere", "binary", "\udc80"])
async def test_answer_that_is_no_key_is_none(server, kid):
    with pytest.raises(KeyNotFound):
        await PublicKeys(fetcher(server.url, "keys")).get(kid)


async def test_server_that_is_away_has_no_keys():
    with pytest.raises(KeyNotFound):
        await PublicKeys(fetcher("http://127.0.0.1:9", "keys")).get(KID)


@pytest.mark.parametrize("scheme", ["", "file://"])
async def test_key_is_the_file_of_its_name_s_hash_in_a_folder(tmp_path, scheme):
    publish(tmp_path / "keys")
    (tmp_path / "keys" / file_name("long")).write_bytes(b"x" * (KEY_BYTES + 1))
    (tmp_path / "keys" / file_name("folder")).mkdir()
    keys = PublicKeys(fetcher(f"{scheme}{tmp_path}", "keys"))
    assert await keys.get(KID) == public_pem().decode()
    for kid in ("none", "long", "folder"):
        with pytest.raises(KeyNotFound):
            await keys.get(kid)


async def test_without_a_place_there_are_no_keys():
    with pytest.raises(KeyNotFound):
        await PublicKeys(fetcher("", "keys")).get(KID)
