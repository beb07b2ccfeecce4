"""A client that vanishes without a word gives its slot back at once, on every wire that takes one."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import requests
from websockets.asyncio.client import connect

from asr.audio.pcm import RawFormat
from asr.tests.gateway import noise
from config import wires
from gateways.conference.tests.browser import eventually
from gateways.meetings.tests.signed import token
from ops.faults.stack import HOST_PASSWORD, Stack

pytestmark = pytest.mark.stack
WITHIN_S = 60.0  # nothing is timed here: a busy machine may take its time
NO_SLOT = {"echo"}  # wires that take none
NEWEST = "SELECT coalesce(max(id), 0) FROM asr_session"
OPENED = "SELECT max(id) FROM asr_session WHERE id > %s"
OVER = "SELECT state NOT IN ('starting', 'live') FROM asr_session WHERE id = %s"
DONE = "SELECT state NOT IN ('starting', 'live', 'closing') FROM asr_session WHERE id = %s"
WHY = "SELECT close_reason FROM asr_session WHERE id = %s"
SOUND = noise(0.5)


def key_of(stack: Stack) -> str:
    answer = requests.post(
        f"{stack.url}/login", json={"password": HOST_PASSWORD, "role": "host"}, timeout=WITHIN_S
    )
    return str(answer.json()["key"])


def bearer(stack: Stack) -> dict[str, str]:
    return {"Authorization": f"Bearer {key_of(stack)}"}


def nobody(stack: Stack) -> dict[str, str]:
    """A wire without keys."""
    return {}


def appended(sound: bytes) -> str:
    return json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(sound).decode()})


@dataclass(frozen=True)
class Wire:
    """How a client begins to speak."""

    path: str
    said: list[str | bytes] = field(default_factory=list)
    headers: Callable[[Stack], dict[str, str]] = nobody


START = {
    "type": "start",
    "chunk_duration_millis": 500,
    "audio_format": {"encoding": "pcm_s16le", "sample_rate_hz": 16_000, "channels": 1},
}
CONFIG = {"type": "config", "sampleRate": 16_000, "frameSize": 320, "targetLang": "en"}
WIRES = {
    "deepgram": Wire("/v1/listen?encoding=linear16&sample_rate=16000", [SOUND], bearer),
    "interpreter": Wire("/ws/audio", [json.dumps(CONFIG), SOUND]),
    "meetings": Wire(
        "/streaming-whisper/ws/standup",
        [b"ada|en".ljust(60) + SOUND],
        lambda _: {"Authorization": f"Bearer {token()}"},
    ),
    "openai": Wire(
        "/v1/realtime?intent=transcription", [appended(noise(0.5, RawFormat("s16le", 24_000)))], bearer
    ),
    "speech": Wire("/v1/transcribe", [json.dumps(START), SOUND]),
}


def test_every_wire_that_takes_a_slot_is_tested_here():
    assert set(WIRES) == set(wires.OPTIONAL) - NO_SLOT


@pytest.mark.parametrize("how", ["reset", "closed"])
@pytest.mark.parametrize("name", sorted(WIRES))
async def test_client_that_vanishes_without_a_word_frees_its_slot_at_once(stack, name, how):
    wire = WIRES[name]
    before = (await asyncio.to_thread(stack.query, NEWEST))[0][0]
    headers = await asyncio.to_thread(wire.headers, stack)
    async with connect(
        f"ws://127.0.0.1:{stack.port}{wire.path}",
        additional_headers=headers,
        compression=None,
        open_timeout=WITHIN_S,
    ) as socket:
        for message in wire.said:
            await socket.send(message)
        session_id = await eventually(stack, OPENED, before)
        (socket.transport.abort if how == "reset" else socket.transport.close)()
        await eventually(stack, OVER, session_id)
    # not by the sweep, which ten seconds later looks for gateways that say nothing any more
    assert await asyncio.to_thread(stack.query, WHY, session_id) == [("gateway",)]
    await eventually(stack, DONE, session_id)
