"""`WS /v1/realtime` on a whole stack, with the scripted recogniser: what it says, refuses, and gives back."""

from __future__ import annotations

import asyncio
import base64
from contextlib import AsyncExitStack

import pytest
import requests
from openai import AsyncOpenAI

from conftest import SLOTS
from gateways.common.tests.sessions import WORTHLESS
from gateways.openai.limits import APPEND_MESSAGE_BYTES
from gateways.openai.tests.talker import (
    SAID,
    WITHIN_S,
    folded,
    key_of,
    open_sessions,
    said,
    silence,
    sound,
    talker,
    transcriber,
    until,
)
from rooms.access import key_hash

pytestmark = pytest.mark.stack


class TestVendorsClient:
    async def test_speech_comes_as_items_from_pause_to_pause(self, stack, key):
        client = AsyncOpenAI(api_key=key, base_url=f"{stack.url}/v1")
        async with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
            assert (await connection.recv()).type == "session.created"
            await connection.session.update(
                session={
                    "type": "transcription",
                    "audio": {
                        "input": {
                            "format": {"type": "audio/pcm", "rate": 24000},
                            "transcription": {
                                "model": "gpt-4o-transcribe",
                                "language": "en",
                                "prompt": "words",
                            },
                            "turn_detection": {"type": "server_vad", "silence_duration_ms": 500},
                        }
                    },
                    "include": ["item.input_audio_transcription.logprobs"],
                }
            )
            assert (await connection.recv()).type == "session.updated"
            for piece in (sound(1.9), silence(4.2), sound(1.8), silence(4.1)):
                await connection.input_audio_buffer.append(audio=base64.b64encode(piece).decode())
            events = []
            async with asyncio.timeout(WITHIN_S):
                while sum(event.type == f"{SAID}completed" for event in events) < 2:
                    events.append(await connection.recv())
        await client.close()
        items = list(dict.fromkeys(event.item_id for event in events))
        assert len(items) == 2
        for item, begin_ms in zip(items, (0, 6000), strict=True):
            own = [event for event in events if event.item_id == item]
            assert list(dict.fromkeys(event.type for event in own)) == [
                "input_audio_buffer.speech_started", f"{SAID}delta", "input_audio_buffer.speech_stopped",
                "input_audio_buffer.committed", f"{SAID}segment", f"{SAID}completed",
            ]  # fmt: skip
            assert own[0].audio_start_ms == begin_ms
            deltas = [event for event in own if event.type == f"{SAID}delta"]
            assert "".join(event.delta for event in deltas) == own[-1].transcript
            assert all(
                each.logprob == 0.0 and bytes(each.bytes) == each.token.encode()
                for event in deltas
                for each in event.logprobs
            )
            assert (own[-1].usage.type, own[-1].usage.seconds) == ("duration", 2.0)
        assert folded(events[-1].transcript) == [f"s0004w{number}" for number in range(1, 5)]
        assert [event.previous_item_id for event in events if event.type.endswith("committed")] == [
            None,
            items[0],
        ]

    async def test_commits_by_hand_make_an_item_each_at_once(self, stack, key):
        client = AsyncOpenAI(api_key=key, base_url=f"{stack.url}/v1")
        async with client.realtime.connect() as connection:
            await connection.session.update(
                session={
                    "type": "transcription",
                    "audio": {
                        "input": {
                            "transcription": {"model": "whisper-1", "language": "en"},
                            "turn_detection": None,
                        }
                    },
                }
            )
            for _ in range(3):
                await connection.input_audio_buffer.append(audio=base64.b64encode(sound(1)).decode())
                await connection.input_audio_buffer.commit()
            done = []
            async with asyncio.timeout(WITHIN_S):
                async for event in connection:
                    assert event.type not in ("error", "input_audio_buffer.speech_started")
                    if event.type == f"{SAID}completed":
                        done.append(event)
                        if len(done) == 3:
                            break
        await client.close()
        assert [folded(event.transcript) for event in done] == [
            said(1)[:2],
            ["s0001w3", "s0001w4"],
            ["s0002w1", "s0002w2"],
        ]
        assert [event.usage.seconds for event in done] == [1.0, 1.0, 1.0]

    async def test_wrong_key_is_an_error_of_its_kind(self, stack):
        client = AsyncOpenAI(api_key="0" * 32, base_url=f"{stack.url}/v1")
        async with client.realtime.connect() as connection:
            event = await connection.recv()
            assert (event.type, event.error.code) == ("error", "invalid_api_key")
        await client.close()


class TestWire:
    async def test_browser_shows_its_key_in_a_subprotocol_and_gets_realtime_back(self, stack, key):
        offered = ["realtime", f"openai-insecure-api-key.{key}"]
        async with talker(stack, "", subprotocols=offered) as browser:
            assert browser.socket.subprotocol == "realtime"
            assert (await browser.read())["type"] == "session.created"

    async def test_client_of_the_beta_hears_the_events_that_it_knows(self, stack, key):
        offered = ["realtime", f"openai-insecure-api-key.{key}", "openai-beta.realtime-v1"]
        async with talker(stack, "", "?intent=transcription", subprotocols=offered) as old:
            assert (await old.read())["type"] == "transcription_session.created"
            await old.send(
                "transcription_session.update",
                session={
                    "input_audio_format": "g711_ulaw",
                    "input_audio_transcription": {"model": "whisper-1", "language": "en"},
                    "turn_detection": None,
                },
            )
            assert (await old.read())["type"] == "transcription_session.updated"
            loud = bytes(range(256)) * 32
            await old.speak(loud[:8000])
            await old.send("input_audio_buffer.commit")
            done = await old.until(f"{SAID}completed")
            assert (folded(done["transcript"]), done["usage"]["seconds"]) == (said(1), 1.0)

    async def test_audio_cut_anywhere_is_heard_whole(self, stack, key):
        async with transcriber(stack, key, turn_detection=None) as client:
            pcm = sound(2)
            await client.speak(pcm[:1], pcm[1:30_001], pcm[30_001:30_004], pcm[30_004:])
            await client.send("input_audio_buffer.commit")
            assert folded((await client.until(f"{SAID}completed"))["transcript"]) == said(2)

    async def test_cleared_audio_is_in_no_transcript(self, stack, key):
        async with transcriber(stack, key, turn_detection=None) as client:
            await client.speak(sound(1))
            await client.send("input_audio_buffer.clear")
            await client.until("input_audio_buffer.cleared")
            await client.speak(sound(1))
            await client.send("input_audio_buffer.commit")
            done = await client.until(f"{SAID}completed")
            assert folded(done["transcript"]) == ["s0001w3", "s0001w4"]

    async def test_every_mistake_is_told_and_the_session_goes_on(self, stack, key):
        async with talker(stack, key) as client:
            await client.until("session.created")
            for sent, code in (
                ("{", "invalid_json"),
                ('{"type": "nothing", "event_id": "mine"}', "invalid_value"),
                ('{"type": "session.update"}', "missing_required_parameter"),
                ('{"type": "session.update", "session": {"type": "realtime"}}', "invalid_value"),
                ('{"type": "input_audio_buffer.append", "audio": "%"}', "invalid_value"),
                ('{"type": "input_audio_buffer.commit"}', "input_audio_buffer_commit_empty"),
                (b"\0\0", "invalid_value"),
            ):
                await client.socket.send(sent)
                assert (await client.error())["code"] == code
            assert [event["error"].get("event_id") for event in client.of("error")][1] == "mine"
            for fields, code in (
                ({"format": {"type": "audio/pcm", "rate": 12_345}}, "invalid_value"),
                ({"transcription": {"language": "xx"}}, "invalid_value"),
                ({"transcription": {"model": "gpt-9"}}, "model_not_found"),
                ({"transcription": {"prompt": "\0"}}, "invalid_value"),
            ):
                await client.send(
                    "session.update", session={"type": "transcription", "audio": {"input": fields}}
                )
                assert (await client.error())["code"] == code
            await client.update(transcription={"language": "en"}, turn_detection=None)
            await client.speak(sound(1))
            await client.send(
                "session.update", session={"audio": {"input": {"transcription": {"language": "de"}}}}
            )
            assert (await client.error())["message"].endswith("once audio has come.")
            await client.send("input_audio_buffer.commit")
            assert folded((await client.until(f"{SAID}completed"))["transcript"]) == said(1)

    @pytest.mark.parametrize(
        ("shown", "code"), [("", "missing_api_key"), ("0" * 32, "invalid_api_key"), ("x", "invalid_api_key")]
    )
    async def test_who_has_no_key_learns_why(self, stack, shown, code):
        async with talker(stack, shown) as client:
            assert (await client.error())["code"] == code
            assert await client.end() == (1008, code)

    async def test_key_that_is_revoked_or_over_ends_its_session_and_frees_its_slot(self, idle_stack):
        for worthless in WORTHLESS:
            key = key_of(idle_stack)
            async with transcriber(idle_stack, key) as client:
                await client.speak(sound(2.5))
                await client.until(f"{SAID}delta")
                assert await asyncio.to_thread(idle_stack.query, worthless, key_hash(key)) == [(True,)]
                assert (await client.error())["code"] == "invalid_api_key"
                assert await client.end() == (1008, "invalid_api_key")
                await asyncio.to_thread(until, lambda: not open_sessions(idle_stack))

    async def test_message_that_is_too_long_ends_the_socket_and_no_other(self, stack, key):
        async with transcriber(stack, key, turn_detection=None) as other, talker(stack, key) as client:
            await client.until("session.created")
            await client.socket.send("x" * (APPEND_MESSAGE_BYTES + 1))
            assert (await client.end())[0] == 1009
            await other.speak(sound(1))
            await other.send("input_audio_buffer.commit")
            assert folded((await other.until(f"{SAID}completed"))["transcript"]) == said(1)

    async def test_one_client_too_many_is_told_to_come_later(self, idle_stack, key):
        async with AsyncExitStack() as held:
            for _ in range(SLOTS):
                client = await held.enter_async_context(transcriber(idle_stack, key))
                await client.speak(sound(1))
            await asyncio.to_thread(until, lambda: open_sessions(idle_stack) == SLOTS)
            async with transcriber(idle_stack, key) as late:
                await late.speak(sound(1))
                assert (await late.error())["code"] == "rate_limit_exceeded"
                assert await late.end() == (1013, "rate_limit_exceeded")

    async def test_minutes_of_silence_are_no_speech_and_cost_no_session(self, stack, key):
        async with transcriber(stack, key) as client:
            await client.speak(*[silence(10)] * 12, silence(0.1), sound(1.8), silence(4))
            started = await client.until("input_audio_buffer.speech_started")
            assert started["audio_start_ms"] == 120_000
            assert (await client.until(f"{SAID}completed"))["item_id"] == started["item_id"]


class TestFaults:
    async def test_killed_recogniser_loses_and_repeats_no_word(self, idle_stack, key):
        async with transcriber(idle_stack, key, turn_detection=None) as client:
            await client.speak(sound(4))
            await client.until(f"{SAID}delta")
            ((pid,),) = idle_stack.query("SELECT pid FROM asr_session WHERE state = 'live'")
            idle_stack.kill(pid)
            await client.speak(sound(4))
            await client.send("input_audio_buffer.commit")
            assert folded((await client.until(f"{SAID}completed"))["transcript"]) == said(8)
            assert folded(client.said) == said(8)

    async def test_restarted_redis_loses_and_repeats_no_word(self, idle_stack, key):
        async with transcriber(idle_stack, key, turn_detection=None) as client:
            await client.speak(sound(4))
            await client.until(f"{SAID}delta")
            idle_stack.stop_program("redis")
            await client.speak(sound(2))
            idle_stack.start_program("redis")
            await client.speak(sound(2))
            await client.send("input_audio_buffer.commit")
            assert folded((await client.until(f"{SAID}completed"))["transcript"]) == said(8)
            assert folded(client.said) == said(8)

    async def test_killed_web_process_is_a_break_behind_which_a_client_begins_anew(self, idle_stack, key):
        async with transcriber(idle_stack, key) as client:
            await client.speak(sound(2))
            await client.until(f"{SAID}delta")
            idle_stack.kill(idle_stack.pid("web"))
            assert (await client.end())[0] == 1006
        await asyncio.to_thread(until, lambda: answers(idle_stack))
        async with transcriber(idle_stack, key) as again:
            await again.speak(sound(2))
            await again.until(f"{SAID}delta")


def answers(stack):
    try:
        return requests.get(f"{stack.url}/health", timeout=WITHIN_S).ok
    except requests.RequestException:
        return False
