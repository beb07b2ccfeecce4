"""The interpreter's socket on a whole stack; recogniser, translation and voice are scripted."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time

import av
import pytest
import requests
from websockets.exceptions import ConnectionClosed

from gateways.interpreter.limits import MESSAGE_BYTES
from gateways.interpreter.tests.client import WITHIN_S, client, noise, scripted_words
from gateways.interpreter.tests.conftest import SLOTS

pytestmark = pytest.mark.stack


def slots_taken(stack):
    ((count,),) = stack.query("SELECT count(*) FROM asr_session WHERE state IN ('starting', 'live')")
    return count


def until_slots_taken(stack, count):
    """Seconds until no more than these are."""
    began_s = time.monotonic()
    while slots_taken(stack) > count:
        assert time.monotonic() < began_s + WITHIN_S
        time.sleep(0.05)
    return time.monotonic() - began_s


@pytest.fixture(autouse=True)
def nobody_speaks(interpreters):
    yield
    until_slots_taken(interpreters, 0)


async def test_speech_becomes_text_its_translation_and_that_as_speech(interpreters, room):
    async with client(interpreters.port) as page:
        await page.configured(roomId=room, sourceLang="en")
        async with page.talking():  # on a busy machine the first voice may be late, which is skipped
            await page.until(lambda said: isinstance(said, bytes))
        first = page.of("final")[0]
        assert first == {
            "type": "final", "text": scripted_words(1, 1)[0], "lang": "en",
            "translation": f"[de] {scripted_words(1, 1)[0]}", "target_lang": "de",
        }  # fmt: skip
        assert page.said.index(first) < page.said.index(page.speeches[0])
        with av.open(io.BytesIO(page.speeches[0])) as container:
            assert container.streams.audio[0].codec.name.startswith("mp3")
        partial = page.of("partial")[0]
        assert partial["text"].startswith("S0001w1")
        assert (partial["lang"], partial["target_lang"]) == ("en", "de")


@pytest.mark.parametrize("rate_hz", [32_000, 44_100, 48_000])
async def test_sound_of_every_rate_is_heard(interpreters, room, rate_hz):
    async with client(interpreters.port) as page:
        await page.configured(roomId=room, sampleRate=rate_hz)
        await page.speak(4.2, rate_hz)
        await page.until_finals(*scripted_words(1, 2))


@pytest.mark.parametrize(("asked", "expected"), [({}, "auto"), ({"sourceLang": "fr-CH"}, "fr")])
async def test_recogniser_is_told_what_is_spoken_or_finds_out(interpreters, room, asked, expected):
    async with client(interpreters.port) as page:
        await page.configured(roomId=room, **asked)
        await page.speak(2.2)
        await page.until_finals(*scripted_words(1, 1))
        assert page.of("final")[0]["lang"] == {"auto": "en"}.get(expected, expected)
        told = "SELECT source_lang, options FROM asr_session WHERE state IN ('starting', 'live')"
        assert await asyncio.to_thread(interpreters.query, told) == [(expected, {"pause_ms": 1000})]


async def test_last_words_of_who_has_gone_are_for_the_room(interpreters, room):
    async with client(interpreters.port) as listener:
        await listener.configured(roomId=room)
        async with client(interpreters.port) as page:
            await page.configured(roomId=room)
            await page.speak(1.0)
            await page.until(lambda said: isinstance(said, dict) and said["type"] == "partial")
        await listener.until(lambda said: isinstance(said, dict) and said["type"] == "final")
        assert listener.finals == ["S0001w1 s0001w2."]


async def test_finals_and_speech_go_to_the_room_in_every_process_and_to_no_other(
    interpreters, strict_port, room
):
    async with (
        client(interpreters.port) as page,
        client(strict_port) as peer,
        client(strict_port) as stranger,
    ):
        await page.configured(roomId=room)
        await peer.configured(roomId=room, targetLang="fr", consent=True)
        await stranger.configured(roomId=f"{room} 2", consent=True)
        await page.speak(4.2)
        await peer.until_finals(*scripted_words(1, 2))
        await peer.until(lambda said: isinstance(said, bytes))
        assert [each["translation"] for each in peer.of("final")] == [
            f"[de] {text}" for text in scripted_words(1, 2)
        ]
        assert peer.of("partial") == []
        await stranger.send(type="heartbeat", ts_ms=1)
        await stranger.until(lambda said: said == {"type": "pong", "ts_ms": 1})
        assert [kind for kind in ("final", "partial") if stranger.of(kind)] == []
        assert await asyncio.to_thread(slots_taken, interpreters) == 1  # who only listens takes none


async def test_history_is_the_rooms_last_finals_and_nothing_where_nothing_is_kept(
    interpreters, strict_port, room
):
    async with client(interpreters.port) as page, client(strict_port) as other:
        began_s = time.time()
        await page.configured(roomId=room)
        await page.send(type="history_request")
        assert (await page.until(lambda said: "items" in said))["items"] == []
        await page.speak(2.2)
        await page.until_finals(*scripted_words(1, 1))
        items = []
        async with asyncio.timeout(WITHIN_S):
            while not items:  # it is written behind the final
                await page.send(type="history_request")
                items = (await page.until(lambda said: "items" in said))["items"]
                await asyncio.sleep(0.05)
        (item,) = items
        assert began_s - 1 < item.pop("ts") < time.time() + 1
        assert item == page.of("final")[0]
        await other.configured(roomId=room, consent=True)
        await other.send(type="history_request")
        assert (await other.until(lambda said: "items" in said))["items"] == []


async def test_sound_is_heard_only_with_consent_where_that_is_required(strict_port, room):
    async with client(strict_port) as page:
        await page.send(type="config", roomId=room)
        assert await page.error() == "consent_required"
        await page.speak(0.5)
        assert await page.error() == "config_missing"
        await page.configured(roomId=room, consent=True)
        await page.speak(2.2)
        await page.until_finals(*scripted_words(1, 1))


REFUSED = {
    "nonsense": "invalid_json",
    '{"type":"config"': "invalid_json",
    "[1]": "invalid_json",
    '{"type":"audio_chunk"}': "unknown_text_message",
    '{"type":"config","sampleRate":8000}': "unsupported_sample_rate",
    '{"type":"config","sampleRate":22050}': "unsupported_sample_rate",
    '{"type":"config","sampleRate":-1}': "unsupported_sample_rate",
    '{"type":"config","sampleRate":"fast"}': "invalid_config",
    '{"type":"config","targetLang":"../../x"}': "unsupported_target_lang",
    '{"type":"config","sourceLang":"xx"}': "unsupported_source_lang",
}


async def test_what_is_refused_is_said_and_the_connection_goes_on(interpreters, room):
    async with client(interpreters.port) as page:
        for text, expected in REFUSED.items():
            await page.socket.send(text)
            assert await page.error() == expected
        await page.socket.send(noise(0.1))  # nothing of it was a config
        assert await page.error() == "config_missing"
        await page.configured(roomId=room)
        await page.speak(2.2)
        await page.until_finals(*scripted_words(1, 1))


async def test_config_may_come_late_and_again(interpreters, room):
    async with client(interpreters.port) as page, client(interpreters.port) as elsewhere:
        await elsewhere.configured(roomId=f"{room} 2")
        await page.speak(1.0)  # lost: nobody knows what it is
        await page.configured(roomId=room)
        await page.speak(2.2)
        await page.until_finals(*scripted_words(1, 1))
        await page.send(type="config", sourceLang="fr")
        assert await page.error() == "source_lang_fixed"
        await page.configured(roomId=f"{room} 2", sampleRate=48_000, targetLang="fr")
        await page.speak(2.0, 48_000)
        await elsewhere.until_finals(*scripted_words(2, 2))
        assert elsewhere.of("final")[0]["translation"].startswith("[fr]")


async def test_nothing_heard_is_said_once_and_again_after_sound(interpreters, room):
    async with client(interpreters.port) as silent, client(interpreters.port) as muted:
        await silent.configured(roomId=room)
        await muted.configured(roomId=room)
        warning = {
            "type": "warning", "code": "NO_AUDIO", "message": "No audio received yet. Check mic permission/input device.",
        }  # fmt: skip

        async with muted.talking(silent=True):
            await silent.until(lambda said: said == warning)
            await muted.until(lambda said: said == warning)
        assert muted.of("final") == []


async def test_translation_that_nobody_makes_is_empty_and_nothing_is_spoken(interpreters, room):
    async with client(interpreters.port) as page:
        await page.configured(roomId=room, targetLang="hi")
        await page.speak(4.2)
        await page.until_finals(*scripted_words(1, 2))
        assert {(each["translation"], each["target_lang"]) for each in page.of("final")} == {("", "hi")}
        await page.send(type="heartbeat", ts_ms=2)
        await page.until(lambda said: said == {"type": "pong", "ts_ms": 2})
        assert page.speeches == []


async def test_one_more_than_there_are_recognisers_is_refused_and_slots_come_back(interpreters, room):
    async with contextlib.AsyncExitStack() as sockets:
        one, late, *others = [
            await sockets.enter_async_context(client(interpreters.port)) for _ in range(SLOTS + 1)
        ]
        for page in (one, *others):
            await page.configured(roomId=room)
            await page.speak(0.6)
            await page.until(lambda said: isinstance(said, dict) and said["type"] == "partial")
        await late.configured(roomId=room)
        await late.speak(0.2)
        assert await late.error() == "capacity"
        assert await late.end() == (1013, "capacity")
        for page in others:
            page.socket.transport.abort()  # gone without a close
        assert await asyncio.to_thread(until_slots_taken, interpreters, 1) < 5.0


async def test_hostile_client_is_sent_away_and_nobody_else_notices(interpreters, room):
    async with client(interpreters.port) as page:
        await page.configured(roomId=room)
        await page.speak(2.2)
        too_long = f"message of {MESSAGE_BYTES + 2} bytes exceeds payload limit of {MESSAGE_BYTES}"
        for messages, expected in (
            ([bytes(MESSAGE_BYTES + 2)], (1009, too_long)),
            (["x"] * 100, (1008, "too_many_messages")),
            ([bytes(MESSAGE_BYTES)] * 30, (1008, "too_much_audio")),
        ):
            async with client(interpreters.port) as hostile:
                await hostile.configured(roomId=f"{room} of the hostile")
                with contextlib.suppress(ConnectionClosed):  # sent away in the middle of it
                    for message in messages:
                        await hostile.socket.send(message)
                assert await hostile.end() == expected
        await page.speak(2.0)
        await page.until_finals(*scripted_words(1, 2))


async def test_odd_bytes_and_halves_of_messages_cost_no_more_than_themselves(interpreters, room):
    async with client(interpreters.port) as page:
        await page.configured(roomId=room)
        data = noise(4.4)
        for begin in range(0, len(data), 6401):
            piece = data[begin : begin + 6401]
            await page.socket.send(piece)
        await page.socket.send(b"")
        await page.socket.send(b"x")
        await page.socket.send([b"half ", b"a "])  # a message in fragments
        await page.until_finals(*scripted_words(1, 2))


def test_metrics_have_the_names_that_dashboards_know(interpreters):
    told = requests.get(f"{interpreters.url}/metrics", timeout=WITHIN_S).text
    for name in (
        "lai_ws_connections_total", "lai_asr_partial_latency_ms_bucket", "lai_asr_final_latency_ms_bucket",
        "lai_mt_latency_ms_bucket", "lai_tts_latency_ms_bucket", "lai_e2e_latency_ms_bucket", "lai_sessions_active",
        "lai_tts_failures_total",
    ):  # fmt: skip
        assert f"\n{name}" in told
