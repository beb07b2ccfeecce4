"""The socket of a meeting on a whole stack with the scripted recogniser."""

from __future__ import annotations

import asyncio
import json
import re
import time

import pytest
import requests
from websockets.asyncio.client import connect

from asr.streams import SOURCE_GONE_AFTER
from conftest import SLOTS
from gateways.common.tests.sessions import SIGNED_OUT, signed_in
from gateways.meetings.limits import MESSAGE_BYTES
from gateways.meetings.tests.client import (
    WITHIN_S,
    Client,
    address,
    connected,
    noise,
    refused,
    said,
)
from gateways.meetings.tests.signed import KID, token

pytestmark = pytest.mark.stack
RUNNING = "SELECT count(*) FROM asr_session WHERE kind = 'meeting' AND state IN ('starting', 'live')"


async def slots_free(stack, within_s=WITHIN_S):
    """Until no meeting has a slot."""
    async with asyncio.timeout(within_s):
        while True:
            if not (await asyncio.to_thread(stack.query, RUNNING))[0][0]:
                return
            await asyncio.sleep(0.05)


@pytest.fixture(autouse=True)
async def _nobody_else(stack):
    await slots_free(stack)


async def speaking(client: Client, *people: str, seconds: int = 2) -> None:
    for _ in range(seconds):
        for who in people:
            await client.speak(who, noise(1))


async def test_participants_of_a_meeting_are_transcribed_apart_until_the_client_ends_it(stack):
    began_ms = time.time_ns() // 1_000_000
    async with connected(stack) as client:
        await client.speak("ada", noise(1), lang="en-US", pad=b"\0")
        await client.speak("bo", noise(1), lang="de")
        await client.speak("ada", noise(3))
        await client.until(lambda: bool(client.of("ada", "interim")))
        await client.socket.send(b"\0")
        assert await client.end() == (1000, "")
    assert client.words("ada") == said(4)
    assert client.words("bo") == said(1)
    first = client.of("ada")[0]
    shown = {each["id"] for each in client.of("ada", "interim")}
    assert shown <= {each["id"] for each in client.of("ada")}
    assert began_ms - 5000 < first["ts"] < began_ms + WITHIN_S * 1000
    assert (first["audio"], first["variance"]) == ("", 1.0)


async def test_participant_that_says_no_more_is_finished_while_others_speak_on(stack):
    async with connected(stack) as client:
        await client.speak("bo", noise(1))
        talking = asyncio.ensure_future(talk(client, "ada"))
        await client.until(lambda: client.words("bo") == said(1))
        talking.cancel()
    assert client.words("ada") == said(len(client.words("ada")) / 2)


async def talk(client: Client, who: str) -> None:
    """Without an end, at a voice's pace."""
    while True:
        await client.speak(who, noise(0.25))
        await asyncio.sleep(0.25)


async def test_two_sockets_of_one_meeting_disturb_each_other_in_nothing(stack):
    async with connected(stack) as first, connected(stack) as second:
        await speaking(first, "ada")
        await speaking(second, "ada", "bo", seconds=1)
        for client in (first, second):
            await client.socket.send(b"\0")
            assert await client.end() == (1000, "")
    assert first.words("ada") == said(2)
    assert (second.words("ada"), second.words("bo")) == (said(1), said(1))


@pytest.mark.parametrize(
    ("query", "headers", "detail"),
    [
        ("", {}, "Failed to decode JWT header"),
        ("?auth_token=", {}, "Failed to decode JWT header"),
        ("?auth_token=ey.ey.ey", {}, "Failed to decode JWT header"),
        (f"?auth_token={token(kid=None)}", {}, "Invalid token. No kid header."),
        (f"?auth_token={token(kid='nobody')}", {}, "Failed to retrieve public key nobody"),
        (f"?auth_token={token(for_s=-5)}", {}, "Expired token."),
        (f"?auth_token={token(aud='else')}", {}, f"Failed decoding JWT with public key {KID}"),
        (f"?auth_token={token()}", {"Authorization": f"Bearer {token(for_s=-5)}"}, "Expired token."),
    ],
)
async def test_who_has_no_good_token_is_refused_before_the_socket_is_accepted(stack, query, headers, detail):
    status, body = await refused(address(stack, query=query), **headers)
    assert (status, body) == (401, json.dumps({"detail": detail}, separators=(",", ":")))


async def test_token_in_the_header_goes_before_the_one_in_the_query(stack):
    url = address(stack, query="?auth_token=nonsense")
    async with connect(url, additional_headers={"Authorization": f"Bearer {token()}"}, open_timeout=WITHIN_S):
        pass


async def test_page_of_ours_needs_no_token_where_a_host_has_opened_it(stack):
    cookie = f"sessionid={await asyncio.to_thread(signed_in, stack)}"
    async with connect(
        address(stack), origin=stack.url, additional_headers={"Cookie": cookie}, open_timeout=WITHIN_S
    ):
        pass
    for origin, value in (("https://elsewhere.example", cookie), (stack.url, "sessionid=nobody")):
        status, _ = await refused(address(stack), Origin=origin, Cookie=value)
        assert status == 401


async def test_page_of_ours_whose_host_is_signed_out_ends_its_meeting_and_frees_its_slot(stack):
    session = await asyncio.to_thread(signed_in, stack)
    async with connect(
        address(stack),
        origin=stack.url,
        additional_headers={"Cookie": f"sessionid={session}"},
        open_timeout=WITHIN_S,
    ) as socket:
        client = Client(socket)
        await speaking(client, "ada")
        assert await asyncio.to_thread(stack.query, SIGNED_OUT, session) == [(True,)]
        assert await client.end() == (1008, "Expired token.")
        await slots_free(stack)


async def test_one_meeting_too_many_is_refused_and_the_others_go_on(stack):
    meetings = [connected(stack) for _ in range(SLOTS)]
    clients = [await meeting.__aenter__() for meeting in meetings]
    try:
        status, body = await refused(address(stack, query=f"?auth_token={token()}"))
        assert (status, json.loads(body)) == (429, {"detail": "No capacity for another meeting."})
        await speaking(clients[0], "ada")
        await clients[0].socket.send(b"\0")
        assert await clients[0].end() == (1000, "")
        assert clients[0].words("ada") == said(2)
    finally:
        for meeting in meetings:
            await meeting.__aexit__(None, None, None)
    await slots_free(stack)
    async with connected(stack):
        pass


NO_HEADER = (1007, "Expected a header participant_id|lang in the first 60 bytes")
TOO_LONG = b"ada|en".ljust(60) + bytes(MESSAGE_BYTES)


async def test_what_is_no_message_closes_its_socket_behind_what_was_said_and_no_other(stack):
    async def wrong(message: str | bytes) -> tuple[tuple[int, str], list[str]]:
        async with connected(stack) as client:
            await speaking(client, "ada", seconds=1)
            await client.until(lambda: bool(client.messages))  # the recogniser is there: it has five seconds
            await client.socket.send(message)
            return await client.end(), client.words("ada")

    async with connected(stack) as other:
        await speaking(other, "bo", seconds=1)
        text, header, long = await asyncio.gather(
            wrong('{"type": "garbage"'), wrong(b"\xff\xfe|en".ljust(60) + noise(1)), wrong(TOO_LONG)
        )
        assert text == ((1003, "Expected binary messages"), said(1))
        assert header == (NO_HEADER, said(1))
        assert long[0] == (1009, f"message of {len(TOO_LONG)} bytes exceeds payload limit of {MESSAGE_BYTES}")
        await other.socket.send(b"\0")
        assert await other.end() == (1000, "")
        assert other.words("bo") == said(1)


async def test_odd_bytes_half_messages_and_silence_cost_nothing(stack):
    async with connected(stack) as client:
        await client.socket.send(b"ada|en")
        await client.socket.send(b"ada|en".ljust(60) + noise(0.5) + b"x")
        await client.socket.send(b"ada|en".ljust(60) + noise(0.5) + b"x")
        for _ in range(30):
            await client.speak("quiet", bytes(10 * 32_000))
        await client.speak("bo", noise(1), lang="null")
        await client.socket.send(b"\0")
        assert await client.end() == (1000, "")
    assert client.words("ada") == said(1)
    assert client.words("bo") == said(1)
    assert not client.of("quiet") + client.of("quiet", "interim")


async def test_slot_of_a_client_that_is_gone_without_a_word_is_free_in_five_seconds(stack):
    async with connected(stack) as client:
        await speaking(client, "ada")
        await client.until(lambda: bool(client.messages))
        began = time.monotonic()
        client.socket.transport.abort()
        await slots_free(stack)
        took_s = time.monotonic() - began  # FLUSHED_WITHIN_S at the most, and what a busy machine adds
        assert took_s < SOURCE_GONE_AFTER.total_seconds(), "a sweep found it"


async def test_client_that_reads_nothing_holds_nobody_up(stack):
    async with connected(stack) as deaf, connected(stack) as client:
        deaf.socket.transport.pause_reading()
        await speaking(deaf, "ada", seconds=40)
        await speaking(client, "bo")
        await client.socket.send(b"\0")
        assert await client.end() == (1000, "")
        assert client.words("bo") == said(2)
        deaf.socket.transport.resume_reading()
        await deaf.socket.send(b"\0")
        await deaf.end()


async def test_metrics_have_the_names_that_dashboards_know(stack):
    def read() -> dict[str, float]:
        text = requests.get(f"{stack.url}/metrics", timeout=WITHIN_S).text
        return {name: float(value) for name, value in re.findall(r"^(Skynet\S+) (\S+)$", text, re.M)}

    prefix = "Skynet_Streaming_Whisper_"
    before = await asyncio.to_thread(read)
    async with connected(stack) as client:
        await speaking(client, "ada")
        await client.until(lambda: client.words("ada") == said(2))
        during = await asyncio.to_thread(read)
    assert (during[f"{prefix}LiveWsConnections"], during[f"{prefix}stress_level"]) == (1, 0.1)
    name = f"{prefix}LiveWsConnectionsCounter_total"
    assert during[name] == before[name] + 1
    buckets = [key for key in during if key.startswith(f"{prefix}WhisperTranscriptionDuration_bucket")]
    assert re.findall(r'le="([^"]+)"', "".join(buckets)) == [*(f"{n / 10}" for n in range(1, 31)), "+Inf"]
    assert during[f"{prefix}WhisperTranscriptionDuration_count"] > 0


async def test_process_says_that_it_lives(stack):
    answer = await asyncio.to_thread(requests.get, f"{stack.url}/healthz", timeout=WITHIN_S)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
