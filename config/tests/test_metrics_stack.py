"""/metrics of a whole stack: what its processes count together while somebody speaks and somebody reads."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import ClientConnection

from config.layout import layout
from config.tests.sockets import connect
from ops.faults.speech import ScriptedSpeech
from ops.faults.stack import Stack
from ops.management.commands.metrics_table import labels_by_name
from rooms.key_holders import KeyHolder, holders

WITHIN_S = 60
Told = dict[tuple[str, ...], float]
pytestmark = pytest.mark.stack


def told(stack: Stack) -> Told:
    text = requests.get(f"{stack.url}/metrics", timeout=WITHIN_S).text
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    return {(s.name, *s.labels.values()): s.value for s in samples}


async def until(stack: Stack, true: Callable[[Told], bool]) -> Told:
    async with asyncio.timeout(WITHIN_S):
        while not true(found := await asyncio.to_thread(told, stack)):
            pass
    return found


async def tell_what_is_shown(reader: ClientConnection) -> None:
    """As a page that shows each line when it comes, by the clock that it asks for."""
    async for text in reader:
        message = json.loads(text)
        if message["type"] == "hello":
            assert message["report_s"] == 30
        if message["type"] == "sentence" and message["end_ms"] > 3000:
            await reader.send(json.dumps({"type": "ping"}))
            while (answer := json.loads(await reader.recv()))["type"] != "pong":
                pass
            shown = {"type": "shown", "at_ms": answer["server_ms"]}
            await reader.send(json.dumps(shown | {key: message[key] for key in ("lang", "part", "index")}))


def test_every_process_says_which_keys_it_has(shared_stack: Stack, settings: Any) -> None:
    settings.REDIS_URL = layout(shared_stack.folder).redis_url
    deadline = time.monotonic() + WITHIN_S
    expected = {"web", "asr", "translation", "sweeps"}
    while (said := {_role(each): each.fingerprints for each in holders()}).keys() < expected:
        assert time.monotonic() < deadline, said
    assert said.keys() == expected
    assert len(set(said.values())) == 1
    assert all(said.values())


def _role(holder: KeyHolder) -> str:
    return holder.name.removeprefix("worker ").partition(" ")[0].partition("@")[0]


async def test_a_word_is_followed_from_its_sound_to_its_readers_and_a_death_is_counted(
    shared_stack: Stack, unused_rooms: Iterator[str]
) -> None:
    room = next(unused_rooms)

    def rose(before: Told, now: Told, *key: str) -> bool:
        return now.get(key, 0) > before.get(key, 0)

    before = await asyncio.to_thread(told, shared_stack)
    url = f"ws://127.0.0.1:{shared_stack.port}/captions/{room}?lang=en"
    stages = [
        ("souffleur_stage_seconds_count", "en", stage)
        for stage in ("decoded", "committed", "published", "sent")
    ]
    speech = ScriptedSpeech(12.0)
    async with shared_stack.host(room) as host, connect(url, compression=None) as reader:
        telling = asyncio.create_task(tell_what_is_shown(reader))
        await host.play(speech.blobs(), speed=speech.speed)
        now = await until(shared_stack, lambda now: all(rose(before, now, *stage) for stage in stages))
        await until(
            shared_stack, lambda now: rose(before, now, "souffleur_mouth_to_screen_seconds_count", "en")
        )
        telling.cancel()
        assert now["souffleur_sockets", "captions"] >= 1
        assert now["souffleur_rooms", "live"] >= 1
        os.kill(shared_stack.session(room)["pid"], signal.SIGKILL)
        now = await until(shared_stack, lambda now: rose(before, now, "souffleur_asr_deaths_total", "room"))
        for stage in stages[:3]:  # what the process had counted that is gone
            assert rose(before, now, *stage)
    assert {name for name, *_ in now} <= labels_by_name().keys()
    assert shared_stack.close_room(room) == 200
