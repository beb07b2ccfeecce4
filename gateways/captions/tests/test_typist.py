"""A captioner's socket on a whole stack, beside the scripted recogniser (docs/wires/captions.md)."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from gateways.captions.tests.test_captions import reader
from gateways.common.tests.documented import check_message
from gateways.common.tests.sessions import SIGNED_OUT, signed_in
from gateways.conference.tests.browser import WITHIN_S, closed_room, host
from ops.faults.stack import running_stack

pytestmark = pytest.mark.stack


class Typist:
    """A captioner's page: keeps what is not stored yet."""

    def __init__(self) -> None:
        self.socket = None
        self.messages: list[dict] = []
        self.token = ""
        self.unsent: dict[str, str] = {}

    async def send(self, **message):
        await self.socket.send(json.dumps(message))

    async def read(self):
        async with asyncio.timeout(WITHIN_S):
            message = json.loads(await self.socket.recv())
        check_message("captions", "typist", message)
        self.messages.append(message)
        if message["type"] == "pen":
            self.token = message.get("token", self.token)
        if message["type"] == "stored":
            self.unsent.pop(message["id"], None)
        return message

    async def until(self, **fields):
        async with asyncio.timeout(WITHIN_S):
            while not fields.items() <= (message := await self.read()).items():
                pass
        return message

    async def types(self, text):
        await self.send(type="typing", text=text, began_ms_ago=100)

    @asynccontextmanager
    async def typing_on(self, text):
        """The pen is kept meanwhile, however long that takes: a person's keys renew it."""

        async def go_on():
            while True:
                await self.types(text)
                await asyncio.sleep(1)

        keys = asyncio.create_task(go_on())
        try:
            yield
        finally:
            keys.cancel()

    async def writes(self, text, sentence_id):
        self.unsent[sentence_id] = text
        await self.send(type="write", id=sentence_id, text=text, began_ms_ago=2000)

    async def stored(self):
        """Until everything is; what was refused for now is sent again, as the page does."""
        while self.unsent:
            message = await self.read()
            if message["type"] == "refused" and message["retry"]:
                await self.writes(self.unsent[message["id"]], message["id"])

    async def end(self):
        with suppress(ConnectionClosed):
            async with asyncio.timeout(WITHIN_S):
                while True:
                    await self.read()
        return self.socket.close_code, self.socket.close_reason


@asynccontextmanager
async def typist(stack, room, page=None, *, session="", headers=None):
    page = page or Typist()
    cookies = {"Cookie": f"sessionid={session}"} if session else {}
    url = f"ws://127.0.0.1:{stack.port}/captions/{room}/type"
    async with connect(
        url, additional_headers={**cookies, **(headers or {})}, open_timeout=WITHIN_S
    ) as socket:
        page.socket = socket
        yield page


@pytest.fixture(scope="module")
def session(shared_stack):
    return signed_in(shared_stack)


async def test_person_writes_and_the_recogniser_goes_on_when_they_stop(stack, room, session):
    async with (
        host(stack, room) as speaker, reader(stack, room) as page, typist(stack, room, session=session) as person
    ):  # fmt: skip
        await speaker.ready()
        await speaker.speak(0, 4.5)
        await page.says("S0001w1", "s0002w4")
        async with person.typing_on("Good mor"):
            await person.until(type="pen", holder="you")
            await page.until(lambda message: message.get("tentative") == "Good mor")
            await speaker.speak(4.5, 8.5)
            while "s0003w4" not in (await person.until(type="heard"))["text"].lower():
                pass
        await person.writes("Good morning.", "aaaaaaaa-1")
        stopped_at = time.monotonic()
        stored = await person.until(type="stored", id="aaaaaaaa-1")
        await page.says("Good morning.")
        await person.until(type="pen", holder="nobody")
        took_s = time.monotonic() - stopped_at
        print(f"the recogniser took over {took_s:.1f} s after the last key")
        await speaker.speak(8.5, 13)
        await page.says("S0006w1")
    texts = [text for _, _, text in stack.sentences(room)]
    assert texts[stored["index"]] == "Good morning."
    assert texts.count("Good morning.") == 1
    assert not any("S0003" in text for text in texts)
    versions = [message["version"] for message in page.of("sentence")]
    assert versions == list(range(1, len(versions) + 1))


async def test_second_captioner_is_told_that_somebody_else_writes_and_nothing_of_theirs_is_lost(
    stack, room, session
):
    async with (
        host(stack, room) as speaker, typist(stack, room, session=session) as first,
        typist(stack, room, session=session) as second,
    ):  # fmt: skip
        await speaker.ready()
        await first.writes("Mine.", "first-000")
        await first.stored()
        await second.until(type="pen", holder="other")
        await second.writes("Mine too.", "second-00")
        refusal = await second.until(type="refused", id="second-00")
        assert (refusal["error"], refusal["retry"]) == ("pen_taken", False)
        await first.send(type="release")
        await second.until(type="pen", holder="nobody")
        await second.writes("Mine too.", "second-00")
        await second.stored()
        assert [text for *_, text in stack.sentences(room)] == ["Mine.", "Mine too."]


async def test_last_sentence_is_taken_back_and_an_earlier_one_mended(stack, room, session):
    async with (
        host(stack, room) as speaker, reader(stack, room) as page, typist(stack, room, session=session) as person
    ):  # fmt: skip
        await speaker.ready()
        await person.writes("Won.", "sentence-1")
        await person.writes("Tow.", "sentence-2")
        await person.stored()
        await person.send(type="undo", id="sentence-2")
        assert (await person.until(type="undone", id="sentence-2"))["text"] == "Tow."
        await page.says("Won.")
        version = next(message["version"] for message in page.of("sentence") if message["text"] == "Won.")
        await person.send(type="correct", part=1, index=0, version=version, text="One.")
        await person.until(type="corrected", part=1, index=0)
        await person.send(type="correct", part=1, index=0, version=version, text="Wan.")
        assert (await person.until(type="refused", of="correct"))["error"] == "sentence_changed"
        await page.says("One.")
        assert [text for *_, text in stack.sentences(room)] == ["One."]


async def test_room_that_closes_takes_no_more_and_says_so(stack, room, session):
    async with host(stack, room) as speaker, typist(stack, room, session=session) as person:
        await speaker.ready()
        await person.writes("The end.", "sentence-1")
        await person.stored()
        await closed_room(stack, room)
        await person.writes("Too late.", "sentence-2")
        assert (await person.until(type="refused", id="sentence-2"))["error"] == "not_active"
        assert [text for *_, text in stack.sentences(room)] == ["The end."]


async def test_room_without_a_host_is_opened_typed_in_and_closed(stack, room, session):
    async with reader(stack, room) as page, typist(stack, room, session=session) as person:
        await person.send(type="open", lang="tlh", store=True, public=True)
        assert (await person.until(type="refused", of="open"))["error"] == "language_unknown"
        await person.send(type="open", lang="en", store=True, public=True)
        await person.until(type="pen", alone=True)
        await page.until(lambda message: message.get("state") == "live")
        await person.types("Good mor")
        await page.until(lambda message: message.get("tentative") == "Good mor")
        await person.writes("Good morning.", "sentence-1")
        await person.stored()
        await page.says("Good morning.")
        await person.send(type="close")
        await page.until(lambda message: message.get("state") == "closed")
        assert [text for *_, text in stack.sentences(room)] == ["Good morning."]


async def test_captioner_who_is_signed_out_writes_no_more_and_reads_why(stack, room):
    session = await asyncio.to_thread(signed_in, stack)
    async with typist(stack, room, session=session) as person:
        await person.until(type="pen")
        assert await asyncio.to_thread(stack.query, SIGNED_OUT, session) == [(True,)]
        assert await person.end() == (1008, "not_signed_in")


async def test_who_may_not_write_here_reads_why(stack, room, session):
    for code, cookie, headers, reason in (
        (room, "", {}, "not_signed_in"),
        (room, "x" * 32, {}, "not_signed_in"),
        (room, session, {"Origin": "https://elsewhere.example"}, "not_signed_in"),
        ("NOWHERE", session, {}, "room_not_found"),
    ):
        async with typist(stack, code, session=cookie, headers=headers) as person:
            assert await person.end() == (1008, reason)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        '{"type":"write","id":"../","text":"x"}',
        '{"type":"typing","text":1}',
        "[" * 2000,
        '{"type":"typing","text":"\\ud800"}',
        '{"type":"keep","more":1}',
        '{"type":"undo","id":"sentence-1\\n"}',
    ],
)
async def test_message_that_is_none_ends_its_socket(stack, room, session, text):
    async with typist(stack, room, session=session) as person:
        await person.until(type="pen")
        await person.socket.send(text)
        assert await person.end() == (1008, "message_unknown")


async def test_thousand_keys_a_second_end_their_own_socket_and_a_fast_hand_s_do_not(stack, room, session):
    async with host(stack, room) as speaker, reader(stack, room) as page:
        await speaker.ready()
        async with typist(stack, room, session=session) as person:
            for keys in range(1, 41):
                await person.types("fast " * keys)
            await page.until(lambda message: message.get("tentative", "").count("fast") == 40)
            with suppress(ConnectionClosed):
                for _ in range(1000):
                    await person.types("x")
            assert (await person.end())[1] == "too_many_messages"
        async with typist(stack, room, session=session) as person:
            await person.send(type="take", token="")
            await person.until(type="pen", holder="nobody")
            await person.writes("Calm.", "sentence-1")
            await person.stored()
            await page.says("Calm.")


async def test_hostile_text_reaches_nobody(stack, room, session):
    async with (
        host(stack, room) as speaker, reader(stack, room) as page, typist(stack, room, session=session) as person
    ):  # fmt: skip
        await speaker.ready()
        await person.types("\u202eevil\u2066 \x00partial")
        await page.until(lambda message: message.get("tentative") == "evil partial")
        await person.writes("\u202eevil\u2066 \x00<b>text</b>", "sentence-1")
        await page.says("evil <b>text</b>")
        await person.send(type="write", id="sentence-2", text="long " * 100)
        assert (await person.until(type="refused", id="sentence-2"))["error"] == "text_too_long"


async def test_nothing_typed_is_lost_or_doubled_whatever_was_killed():
    with running_stack(rooms=["A"], SOURCE_LANGS="en") as stack:
        session, page, written = signed_in(stack), Typist(), []
        async with host(stack, "A") as speaker:
            await speaker.ready()
            await speaker.speak(0, 2.5)
            for number, broken in enumerate(("asr", "redis", "postgres", "web")):
                async with comes_back(stack, "A", page, session):
                    written += [f"Before {broken}.", f"During {broken}."]
                    await page.writes(written[-2], f"sentence-{number}-0")
                    await page.stored()
                    pid = stack.session("A")["pid"] if broken == "asr" else stack.pid(broken)
                    await asyncio.to_thread(stack.kill, pid, signal.SIGKILL)
                    with suppress(ConnectionClosed):
                        await page.writes(written[-1], f"sentence-{number}-1")
                        await page.stored()
            async with comes_back(stack, "A", page, session):
                await page.stored()
        texts = [text for *_, text in stack.sentences("A")]
        assert [text for text in texts if text in written] == written


@asynccontextmanager
async def comes_back(stack, room, page, session):
    """As the page does: until the server takes it, with its token, and with all that is not stored."""
    async with AsyncExitStack() as opened:
        async with asyncio.timeout(WITHIN_S):
            while True:
                try:
                    await opened.enter_async_context(typist(stack, room, page, session=session))
                    await page.send(type="take", token=page.token)
                    await page.until(type="pen")
                    break
                except (OSError, ConnectionClosed, InvalidHandshake):
                    await asyncio.sleep(0.1)
        for sentence_id, text in list(page.unsent.items()):
            await page.writes(text, sentence_id)
        yield page
