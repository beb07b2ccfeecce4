"""The whole way, through a stack with the scripted recogniser: audio in, Results out, and what is said to bad input."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import AsyncExitStack

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from asr.audio.opus import opus_head
from asr.audio.webm_writer import webm_block, webm_cluster, webm_header
from conftest import SLOTS
from gateways.common.tests.sessions import WORTHLESS
from gateways.conference.tests.browser import eventually
from gateways.deepgram.tests.client import RAW, key_of, listening, noise, silence, spoken
from gateways.deepgram.tests.test_audio import opus_packets, wav
from rooms.access import key_hash

pytestmark = pytest.mark.stack
FREE = "SELECT count(*) = 0 FROM asr_session WHERE kind IN ('stream', 'meeting') AND state IN ('starting', 'live')"
DONE = "SELECT count(*) = 0 FROM asr_session WHERE kind IN ('stream', 'meeting') AND state IN ('starting', 'live', 'closing')"
ALL = {"interim_results": "true", "punctuate": "true", "vad_events": "true", "utterance_end_ms": 1000}


@pytest.fixture(scope="module")
def key(shared_stack):
    return key_of(shared_stack)


@pytest.fixture(autouse=True)
def slots_are_free_again(shared_stack):
    yield
    asyncio.run(eventually(shared_stack, DONE))


def g711_encoded(samples, encoding):
    """By FFmpeg."""
    import av

    codec = av.CodecContext.create(f"pcm_{encoding}", "w")
    codec.sample_rate, codec.layout, codec.format = 8000, "mono", "s16"
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = 8000
    return b"".join(bytes(packet) for packet in codec.encode(frame))


async def test_words_are_shown_and_final_once_and_the_finals_tile_the_audio(stack, key):
    data = noise(4) + silence(3) + noise(2)
    async with listening(stack, key, **RAW, **ALL) as client:
        await client.speak(data)
        await client.until(lambda message: message["type"] == "UtteranceEnd")
        metadata = await client.finished()
    events = [message for message in client.messages if message["type"] not in ("Results", "Metadata")]
    assert [(event["type"], event.get("timestamp", event.get("last_word_end"))) for event in events] == [
        ("SpeechStarted", 0), ("UtteranceEnd", 4), ("SpeechStarted", 7),
    ]  # fmt: skip
    assert client.text() == f"{spoken(0, 4)} S0004w3 s0004w4. S0005w1 s0005w2."
    client.assert_tiles(9.0)
    assert [
        message["start"] + message["duration"] for message in client.finals() if message["speech_final"]
    ] == [4, 9]
    word = client.finals()[0]["channel"]["alternatives"][0]["words"][-1]
    assert word == {
        "word": "s0001w4", "start": 1.5, "end": 2.0, "confidence": 1.0, "punctuated_word": "s0001w4.",
    }  # fmt: skip
    assert (metadata["duration"], metadata["channels"]) == (9.0, 1)
    assert metadata["sha256"] == hashlib.sha256(data).hexdigest()
    assert {message["metadata"]["request_id"] for message in client.finals()} == {metadata["request_id"]}


async def test_hypothesis_is_an_interim_result_behind_the_last_final_one(stack, key):
    async with listening(stack, key, **RAW, **ALL) as client, client.kept_alive():
        await client.speak(noise(3.5))
        shown = await client.until(lambda message: message.get("start") == 2 and not message["is_final"])
        assert shown["channel"]["alternatives"][0]["transcript"].startswith("S0002w1")
        assert 0.5 <= shown["duration"] <= 1.5
        await client.finished()


async def test_finalize_is_answered_with_what_was_said_so_far_and_speech_goes_on(stack, key):
    async with listening(stack, key, **RAW) as client:
        for _ in range(2):
            await client.speak(noise(1.5))
            await client.send(type="Finalize")
            answer = await client.until(lambda message: message.get("from_finalize"))
            assert answer["is_final"]
            assert answer["speech_final"]
            assert answer["channel"]["alternatives"][0]["transcript"]
        await client.finished()
    assert client.text() == "s0001w1 s0001w2 s0001w3 s0001w4 s0002w1 s0002w2"
    client.assert_tiles(3.0)
    assert not any(message["type"] == "UtteranceEnd" for message in client.messages)


async def test_minutes_of_silence_are_audio_like_any_other_and_language_is_told_where_it_was_asked_for(
    stack, key
):
    async with listening(stack, key, **RAW, language="multi", endpointing="false") as client:
        await client.speak(silence(120) + noise(2), piece_bytes=64_000)
        await client.send(type="Finalize")
        await client.until(lambda message: message.get("from_finalize"))
        await client.finished()
    assert client.text() == spoken(120, 122).lower().replace(".", "")
    client.assert_tiles(122.0)
    said = [message["channel"]["alternatives"][0] for message in client.finals()]
    assert {word["language"] for each in said for word in each["words"]} == {"en"}
    assert all(each["languages"] == ["en"] for each in said if each["words"])


async def test_each_channel_is_a_speaker_where_that_is_asked_for(stack, key):
    left, right = np.frombuffer(noise(4), "<i2"), np.frombuffer(silence(2) + noise(2), "<i2")
    query = {**RAW, "channels": 2, "multichannel": "true", "punctuate": "true"}
    async with listening(stack, key, **query) as client:
        await client.speak(np.stack([left, right], axis=1).tobytes(), piece_bytes=9999)
        await client.send(type="Finalize", channel=1)
        answer = await client.until(lambda message: message.get("from_finalize"))
        assert answer["channel_index"] == [1, 2]
        assert (await client.finished())["channels"] == 2
    assert (client.text(0), client.text(1)) == (spoken(0, 4), spoken(2, 4))
    for channel in (0, 1):
        client.assert_tiles(4.0, channel)


async def test_every_form_of_audio_is_heard_and_every_way_to_show_a_key_is_known(stack, key):
    samples = np.frombuffer(noise(2.2), "<i2")
    packets = opus_packets(samples)
    webm = webm_header(opus_head(channels=1, pre_skip=0)) + webm_cluster(0)
    webm += b"".join(webm_block(20 * number, packet) for number, packet in enumerate(packets))

    async def said(messages, subprotocols=None, **query):
        async with listening(stack, key, subprotocols=subprotocols, punctuate="true", **query) as client:
            for message in messages:
                await client.socket.send(message)
            await client.finished()
        return client.text()

    telephone = g711_encoded(samples[::2].copy(), "mulaw")
    texts = await asyncio.gather(
        said([telephone], encoding="mulaw", sample_rate=8000),
        said(packets, ["token", key], encoding="opus", sample_rate=48_000),
        said([webm[:500], webm[500:]], ["bearer", key]),
        said([wav(samples.tobytes())]),
    )
    assert all(text.startswith(spoken(0, 2)) for text in texts), texts


async def test_who_may_not_or_asks_for_what_is_not_there_is_refused_before_the_socket_opens(stack, key):
    wrong = [
        (401, "INVALID_AUTH", "", {}),
        (401, "INVALID_AUTH", "k" * 32, {}),
        (401, "INVALID_AUTH", "0" * 32, {}),
        (401, "INVALID_AUTH", "ü", {}),
        (400, "Bad Request", key, {"encoding": "mp3"}),
        (400, "Bad Request", key, {"language": "tlh"}),
        (400, "Bad Request", key, {"keyterm": ["x" * 101]}),
        (400, "Bad Request", key, {"redact": "pci"}),
    ]
    for status, err_code, shown, query in wrong:
        with pytest.raises(InvalidStatus) as caught:
            async with listening(stack, shown, **query):
                pass
        response = caught.value.response
        body = json.loads(response.body)
        assert (response.status_code, body["err_code"]) == (status, err_code), query
        assert response.headers["dg-request-id"] == body["request_id"]
        assert response.headers["dg-error"] == body["err_msg"]
    assert (await asyncio.to_thread(stack.query, FREE)) == [(True,)]


async def test_key_that_is_revoked_or_over_ends_its_stream_and_frees_its_slot(stack):
    for worthless in WORTHLESS:
        key = key_of(stack)
        async with listening(stack, key, **RAW, **ALL) as client, client.kept_alive():
            await client.speak(noise(2.5))
            await client.until(lambda message: message.get("is_final"))
            assert await asyncio.to_thread(stack.query, worthless, key_hash(key)) == [(True,)]
            assert await client.end() == (1008, "INVALID_AUTH: Invalid credentials.")
            await eventually(stack, FREE)
        with pytest.raises(InvalidStatus):
            async with listening(stack, key, **RAW):
                pass


async def test_one_more_than_there_are_slots_is_refused_and_who_goes_without_a_word_frees_one(stack, key):
    async with AsyncExitStack() as opened:
        clients = [await opened.enter_async_context(listening(stack, key, **RAW)) for _ in range(SLOTS)]
        with pytest.raises(InvalidStatus) as caught:
            async with listening(stack, key, **RAW):
                pass
        assert caught.value.response.status_code == 429
        assert json.loads(caught.value.response.body)["err_code"] == "TOO_MANY_REQUESTS"
        await clients[0].speak(noise(2.5))
        for client in clients:
            client.socket.transport.abort()
        await eventually(stack, FREE)


async def test_garbage_is_answered_and_hurts_nobody(stack, key):
    texts = ("", "{", "[]", "1", '{"type": 1}', '{"type": "Fnord"}', "[" * 500, '"' + "x" * 3000 + '"', "\0")
    async with (
        listening(stack, key, **RAW, punctuate="true") as client,
        listening(stack, key, **RAW) as other,
    ):
        for text in texts:
            await client.socket.send(text)
            error = await client.read()
            assert (error["type"], error["variant"]) == ("Error", "SchemaError")
            assert error["message"] == text[:200]
        await client.send(type="Configure", keyterms=["x"])
        assert (await client.read())["type"] == "ConfigureFailure"
        await client.send(type="KeepAlive", more="than is known")
        await client.speak(noise(2.0)[:-1], piece_bytes=3331)  # ends within a sample
        await client.socket.send(b"")  # as older clients close
        assert await client.end() == (1000, "")
        assert client.text() == spoken(0, 2)
        await other.speak(noise(2.0))
        await other.finished()
        assert other.text() == spoken(0, 2).lower().replace(".", "")


async def test_what_cannot_go_on_is_closed_with_the_wire_s_reason(stack, key):
    async with (
        listening(stack, key) as garbled,
        listening(stack, key, **RAW) as kept,
        listening(stack, key, **RAW) as silent,
    ):
        await garbled.socket.send(b"GIF89a" + b"\0" * 1000)
        code, reason = await garbled.end()  # after five seconds
        assert (code, reason.partition(":")[0]) == (1008, "DATA-0000")
        await kept.send(type="KeepAlive")
        code, reason = await silent.end()  # after ten
        assert (code, reason.partition(":")[0]) == (1011, "NET-0001")
        await kept.send(type="Configure")
        assert (await kept.read())["type"] == "ConfigureFailure"


@pytest.mark.parametrize(
    ("message", "times", "code", "reason"),
    [(b"xx", 10_000, 1008, "Too many messages"), (b"\0" * (3 << 20), 1, 1009, "exceeds payload limit")],
)
async def test_who_sends_too_much_is_sent_away(stack, key, message, times, code, reason):
    async with listening(stack, key, **RAW) as client:
        end = asyncio.create_task(client.end())
        try:
            for _ in range(times):
                await client.socket.send(message)
                await asyncio.sleep(0)  # `send` alone lets nobody else run
        except ConnectionClosed:
            pass
        found = await end
    assert found[0] == code
    assert reason in found[1]
