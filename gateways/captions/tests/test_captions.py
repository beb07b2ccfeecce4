"""Native captions from a whole stack: everything once, in order, whatever breaks (docs/wires/captions.md)."""

from __future__ import annotations

import asyncio
import json
import runpy
import sys
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
import requests
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from gateways.common.tests.documented import check_message
from gateways.conference.tests.browser import WITHIN_S, closed_room, host
from ops.faults.stack import BASE_DIR, running_stack

pytestmark = pytest.mark.stack
EXAMPLE = BASE_DIR / "docs" / "examples" / "read_captions.py"
Captions = runpy.run_path(str(EXAMPLE))["Captions"]


class Page:
    """A reader that keeps everything as the example's client does."""

    def __init__(self, captions) -> None:
        self.captions = captions
        self.messages: list[dict] = []
        self.socket = None

    async def read(self):
        async with asyncio.timeout(WITHIN_S):
            message = json.loads(await self.socket.recv())
        check_message("captions", "room", message)
        self.messages.append(message)
        self.captions.take(message)
        return message

    async def until(self, holds):
        async with asyncio.timeout(WITHIN_S):
            while not holds(message := await self.read()):
                pass
        return message

    async def says(self, *words):
        async with asyncio.timeout(WITHIN_S):
            while not all(word in " ".join(self.captions.text()) for word in words):
                await self.read()

    async def end(self):
        """Read to the end; its close code."""
        try:
            while True:
                await self.read()
        except ConnectionClosed:
            return self.socket.close_code

    def of(self, kind):
        return [message for message in self.messages if message["type"] == kind]


@asynccontextmanager
async def reader(stack, room, lang="en", *, captions=None, after=None):
    page = Page(captions or Captions(lang))
    versions = page.captions.versions if after is None else after
    wanted = ",".join(f"{track}:{version}" for track, version in versions.items())
    url = f"ws://127.0.0.1:{stack.port}/captions/{room}?lang={lang}&after={wanted}"
    async with connect(url, max_size=None, open_timeout=WITHIN_S) as page.socket:
        yield page


async def end(stack, room, query="?lang=en"):
    async with connect(
        f"ws://127.0.0.1:{stack.port}/captions/{room}{query}", open_timeout=WITHIN_S
    ) as socket:
        with suppress(ConnectionClosed):
            async with asyncio.timeout(WITHIN_S):
                while True:
                    await socket.recv()
    return socket.close_code, socket.close_reason


async def test_a_reader_may_wait_before_anybody_speaks_and_reads_everything_once(stack, room):
    async with reader(stack, room) as page:
        hello = await page.read()
        assert (hello["type"], hello["room"], hello["state"]) == ("hello", room, "closed")
        async with host(stack, room) as speaker:
            await speaker.ready()
            await page.until(lambda message: message.get("state") == "live")
            await speaker.speak(0, 8.5)
            await page.says("S0001w1", "S0003w1")
    versions = [message["version"] for message in page.of("sentence")]
    assert versions == sorted(set(versions))
    for message in page.of("sentence"):
        assert message["ends"] is True
        assert message["start_ms"] < message["end_ms"]


async def test_who_reads_along_sees_what_is_taken_back_go_before_the_room_closes(stack, room):
    async with reader(stack, room) as page, host(stack, room) as speaker:
        await speaker.ready()
        await speaker.speak(0, 4.5)
        await page.says("S0001w1", "S0002w1")
        withdrawn = "UPDATE rooms_consent SET withdrawn_at = now() WHERE room_code = %s RETURNING true"
        await asyncio.to_thread(stack.query, withdrawn, room)
        await page.until(lambda message: message.get("state") == "closed")
    places = {(message["part"], message["index"]) for message in page.of("sentence")}
    assert {(message["part"], message["index"]) for message in page.of("removed")} == places
    assert page.captions.text() == []
    assert stack.sentences(room) == []


async def test_who_comes_back_has_no_gap_and_no_repeat_whatever_was_killed():
    with running_stack(rooms=["A"], SOURCE_LANGS="en") as stack:
        captions = Captions("en")
        async with host(stack, "A") as speaker:
            await speaker.ready()
            for broken, first_s in (("redis", 0.0), ("postgres", 4.5), ("web", 8.5)):
                last_s = first_s + 4
                word = f"S{int(last_s / 2) - 1:04}w1"
                known = dict(captions.versions)
                async with comes_back(stack, "A", captions) as page:
                    await speaker.speak(first_s, last_s)
                    await page.says(word)
                    assert all(message["version"] > known.get("en", 0) for message in page.of("sentence"))
                await asyncio.to_thread(stack.kill, stack.pid(broken))
        async with comes_back(stack, "A", captions) as page:
            await page.until(lambda message: message["type"] == "versions")
            assert page.messages[0]["resumed"]
        places = sorted(captions.sentences)
        assert places == [(1, index) for index in range(len(places))]
        assert captions.text() == [text for *_, text in stack.sentences("A")][: len(places)]
        await asyncio.to_thread(stack.stop_program, "postgres")
        answer = await asyncio.to_thread(
            requests.get, f"{stack.url}/captions/A/events?lang=en", timeout=WITHIN_S
        )
        assert (answer.status_code, answer.json()) == (503, {"error": "not_now"})


@asynccontextmanager
async def comes_back(stack, room, captions):
    """As a page does: until the server takes it."""
    async with AsyncExitStack() as opened:
        async with asyncio.timeout(WITHIN_S):
            while True:
                try:
                    page = await opened.enter_async_context(reader(stack, room, captions=captions))
                    await page.read()
                    break
                except (OSError, ConnectionClosed, InvalidHandshake):
                    await asyncio.sleep(0.1)
        yield page


async def test_older_sentences_come_in_pages(stack, room):
    async with host(stack, room) as speaker, reader(stack, room) as page:
        await speaker.ready()
        await speaker.speak(0, 12.5)
        await page.says("S0001w1", "S0004w1")
        seen = len(page.messages)
        await page.socket.send(json.dumps({"type": "history", "before": {"part": 1, "index": 3}, "count": 2}))
        answer = await page.until(lambda message: message["type"] == "history")
        assert answer["count"] == 2
        given = [m["index"] for m in page.messages[seen:] if m["type"] == "sentence" and m["index"] < 3]
        assert given == [1, 2]


async def test_the_language_changes_in_mid_connection(stack, room):
    async with host(stack, room) as speaker, reader(stack, room) as page:
        await speaker.ready()
        await speaker.speak(0, 4.5)
        await page.says("S0001w1")
        await page.socket.send(json.dumps({"type": "lang", "lang": "de"}))
        hello = await page.until(lambda message: message["type"] == "hello")
        assert hello["lang"] == "de"
        assert {"de", "en"} >= set(hello["versions"]) > set()
        await page.says("S0001w1")  # as it was spoken, until a translation comes


async def test_who_changes_the_language_keeps_what_was_spoken(stack, room):
    async with host(stack, room) as speaker, reader(stack, room, "de") as page:
        await speaker.ready()
        await speaker.speak(0, 8.5)
        await page.says("S0001w1", "S0003w1")
        at = len(page.messages)
        known = {"en": page.captions.versions["en"]}
        await page.socket.send(json.dumps({"type": "lang", "lang": "pt", "after": known}))
        hello = await page.until(lambda message: message["type"] == "hello")
        assert (hello["lang"], hello["resumed"]) == ("pt", True)
        reached = await page.until(lambda message: message["type"] == "versions")
        assert set(reached["versions"]) == {"en", "pt"}
        assert not [
            m for m in page.messages[at:] if m.get("lang") == "en" and m.get("version", 99) <= known["en"]
        ]


async def test_who_knows_one_track_is_given_the_whole_of_the_other(stack, room):
    async with host(stack, room) as speaker, reader(stack, room, "pt") as page:
        await speaker.ready()
        await speaker.speak(0, 4.5)
        await page.says("S0001w1")
        await page.until(lambda message: message.get("lang") == "pt" and message["type"] == "sentence")
        translated = page.of("sentence")[-1]
        async with reader(stack, room, "pt", after={"en": page.captions.versions["en"]}) as back:
            await back.until(lambda message: message["type"] == "versions")
            assert back.messages[0]["resumed"]
            assert translated in back.of("sentence")


async def test_a_reader_is_told_that_its_connection_lives(stack, room):
    async with reader(stack, room) as page:
        await page.socket.send('{"type": "ping"}')
        await page.until(lambda message: message["type"] == "pong")


async def test_what_was_private_is_replayed_to_nobody_once_the_room_is_closed(stack, room):
    async with host(stack, room, public=False) as speaker, reader(stack, room) as page:
        await speaker.ready()
        await speaker.speak(0, 4.5)
        await page.says("S0001w1")
    await closed_room(stack, room)
    async with reader(stack, room, after={"en": 0}) as late:
        await late.until(lambda message: message["type"] == "versions")
        assert not late.of("sentence")
        await late.socket.send(json.dumps({"type": "history", "before": {"part": 9, "index": 0}, "count": 9}))
        assert (await late.until(lambda message: message["type"] == "history"))["count"] == 0


@pytest.mark.parametrize(
    ("path", "query", "reason"),
    [
        ("NOWHERE", "?lang=en", "room_not_found"),
        ("%00", "?lang=en", "room_not_found"),
        ("R00", "?lang=tlh", "language_unknown"),
        ("R00", "", "language_unknown"),
        ("R00", "?lang=en&after=en", "after_malformed"),
        ("R00", "?lang=en&after=en:-1", "after_malformed"),
        ("R00", "?lang=en&after=" + ",".join(["en:1"] * 9), "after_malformed"),
    ],
)
async def test_who_asks_for_what_is_not_there_reads_why(stack, path, query, reason):
    assert await end(stack, path, query) == (1008, reason)


@pytest.mark.parametrize(
    "text", ["", "x", "[]", '{"type": "history"}', '{"type": "lang", "lang": 1}', "[" * 2000]
)
async def test_a_message_that_is_no_request_ends_its_socket(stack, room, text):
    async with reader(stack, room) as page:
        await page.until(lambda message: message["type"] == "versions")
        await page.socket.send(text)
        assert await page.end() == 1008


async def test_a_flood_ends_its_own_socket(stack, room):
    async with reader(stack, room) as other, reader(stack, room) as page:
        await page.read()
        with suppress(ConnectionClosed):
            for _ in range(1000):
                await page.socket.send('{"type": "resume", "after": {}}')
                await asyncio.sleep(0)
        assert await page.end() == 1008
        async with host(stack, room) as speaker:
            await speaker.ready()
            await speaker.speak(0, 2.5)
            await other.says("S0001w1")


async def test_event_stream_gives_the_same_and_resumes_by_its_last_id(stack, room):
    async with host(stack, room) as speaker, reader(stack, room) as page:
        await speaker.ready()
        await speaker.speak(0, 4.5)
        await page.says("S0001w1")
        first = await asyncio.to_thread(stream, stack, room, lambda m: m["type"] == "versions", {})
        await speaker.speak(4.5, 12.5)
        await page.says("S0004w1")
        resumed = {"Last-Event-ID": first[-1][0]}
        second = await asyncio.to_thread(
            stream, stack, room, lambda m: "S0004w1" in m.get("text", ""), resumed
        )
    told = [message["version"] for _, message in [*first, *second] if message["type"] == "sentence"]
    assert told == [message["version"] for message in page.of("sentence")]


async def test_event_stream_of_a_hall_names_its_room_and_resumes_there(stack, room):
    async with host(stack, room) as speaker, reader(stack, room) as page:
        await speaker.ready()
        await speaker.speak(0, 4.5)
        await page.says("S0001w1")
        first = await asyncio.to_thread(stream, stack, "hall/hall", lambda m: m["type"] == "versions", {})
        assert first[0][1]["room"] == room
        last_id = first[-1][0]
        assert last_id.startswith(f"{room}/")
        await speaker.speak(4.5, 8.5)
        await page.says("S0003w1")
        resumed = {"Last-Event-ID": last_id}
        second = await asyncio.to_thread(
            stream, stack, "hall/hall", lambda m: "S0003w1" in m.get("text", ""), resumed
        )
    assert second[0][1]["resumed"]
    told = [message["version"] for _, message in [*first, *second] if message["type"] == "sentence"]
    assert told == [message["version"] for message in page.of("sentence")]
    answer = await asyncio.to_thread(
        requests.get, f"{stack.url}/captions/hall/nowhere/events?lang=en", timeout=WITHIN_S
    )
    assert (answer.status_code, answer.json()) == (404, {"error": "hall_not_found"})


def stream(stack, room, holds, headers):
    """(last id, message) of each event until one is what the test waits for."""
    found, last_id = [], ""
    url = f"{stack.url}/captions/{room}/events?lang=en"
    with requests.get(url, headers=headers, stream=True, timeout=WITHIN_S) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
            if line.startswith("id: "):
                last_id = line[4:]
            elif line.startswith("data: "):
                found.append((last_id, json.loads(line[6:])))
                if holds(found[-1][1]):
                    return found
    raise AssertionError("the stream ended")


def test_event_stream_of_nothing_is_refused_in_http(stack):
    for path, status, code in (
        ("NOWHERE/events?lang=en", 404, "room_not_found"),
        ("R00/events?lang=xx", 400, "language_unknown"),
        ("R00/events?lang=en&after=x", 400, "after_malformed"),
    ):
        answer = requests.get(f"{stack.url}/captions/{path}", timeout=WITHIN_S)
        assert (answer.status_code, answer.json()) == (status, {"error": code})


async def test_the_example_prints_what_is_said(stack, room):
    async with host(stack, room) as speaker:
        await speaker.ready()
        example = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(EXAMPLE)), f"ws://127.0.0.1:{stack.port}", room, "en",
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            await speaker.speak(0, 4.5)
            async with asyncio.timeout(WITHIN_S):
                assert b"S0001w1" in await example.stdout.readline()
        finally:
            example.terminate()
            await example.communicate()
