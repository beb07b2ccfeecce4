"""Processes that are replaced under live rooms: a deploy in its short form, and what SIGTERM finds when nobody can take over."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from socket import gethostname
from typing import Any

import pytest
import requests

from gateways.conference.client.host import Host
from ops.faults.deploy import under_rooms
from ops.faults.replicas import Replica, of_stack, twice
from ops.faults.speech import ScriptedSpeech
from ops.faults.stack import BASE_DIR, Stack, free_port, running_stack

pytestmark = pytest.mark.stack
WITHIN_S = 120.0
DRAIN_S = 4
ROOMS = ["LIVE", "SIGNALLED", "TOLD", "KILLED"]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(
        rooms=ROOMS, ASR_SLOTS="2", WEB_DRAIN_S="2", ASR_DRAIN_S=str(DRAIN_S), SPEECH_PORTS=str(free_port())
    ) as running:
        yield running


async def until(holds: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + WITHIN_S
    while not (value := await asyncio.to_thread(holds)):
        assert time.monotonic() < deadline, "waited too long"
        await asyncio.sleep(0.05)
    return value


def by_signal(stack: Stack, parent: int) -> None:
    stack.kill(parent, signal.SIGTERM)


def by_remote_control(stack: Stack, parent: int) -> None:
    """Celery ends as it does where it cannot go on: without a word to anybody."""
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "config",
        "control",
        "shutdown",
        "-d",
        f"asr@{gethostname()}",
    ]
    subprocess.run(
        command, cwd=BASE_DIR, env=stack.environment, check=False, capture_output=True
    )  # nobody answers


@pytest.mark.parametrize(("end", "room"), [(by_signal, "SIGNALLED"), (by_remote_control, "TOLD")])
async def test_room_that_no_other_worker_can_take_is_captioned_until_the_end_of_the_time(
    stack: Stack, end: Callable[[Stack, int], None], room: str
) -> None:
    own = of_stack(stack, "asr")
    await asyncio.to_thread(own.wait_ready)
    parent = own.pid
    talked = ScriptedSpeech(24)
    async with Host(stack.host_options(room)) as host:
        await host.wait_ready()
        talk = asyncio.create_task(host.play(talked.blobs(), speed=talked.speed))
        served = await until(lambda: (now := stack.session(room))["committed_ms"] and now)
        await asyncio.to_thread(end, stack, parent)
        await until(lambda: drains(stack, own))
        stack.kill(parent, signal.SIGTERM)  # impatience changes nothing
        mark = stack.session(room)["committed_ms"]
        went_on = await until(lambda: (now := stack.session(room))["committed_ms"] > mark and now)
        assert (went_on["pid"], went_on["generation"]) == (served["pid"], served["generation"])
        moved = await until(lambda: (now := stack.session(room))["generation"] > served["generation"] and now)
        assert moved["generation"] == served["generation"] + 1
        await talk
    await until(lambda: stack.session(room)["committed_ms"] >= 23_000)
    await asyncio.to_thread(stack.close_room, room)
    await until(lambda: stack.session(room)["state"] == "closed")
    assert lost_and_doubled(stack, room, talked) == (0, 0)


def lost_and_doubled(stack: Stack, room: str, talked: ScriptedSpeech) -> tuple[int, int]:
    compared = talked.compare(" ".join(text for *_, text in stack.sentences(room)))
    return compared.lost, compared.doubled


def drains(stack: Stack, replica: Replica) -> bool:
    return bool(
        stack.query("SELECT 1 FROM asr_worker WHERE name = %s AND drains_until IS NOT NULL", replica.worker)
    )


async def test_process_that_is_killed_while_its_worker_drains_is_followed_by_the_other_worker_s(
    stack: Stack,
) -> None:
    own = of_stack(stack, "asr")
    await asyncio.to_thread(own.wait_ready)
    talked = ScriptedSpeech(16)
    async with Host(stack.host_options("KILLED")) as host:
        await host.wait_ready()
        talk = asyncio.create_task(host.play(talked.blobs(), speed=talked.speed))
        served = await until(lambda: (now := stack.session("KILLED"))["committed_ms"] and now)
        stack.kill(own.pid, signal.SIGTERM)
        await until(lambda: drains(stack, own))
        stack.kill(served["pid"])
        after = await until(
            lambda: (now := stack.session("KILLED"))["generation"] > served["generation"] and now
        )
        assert after["generation"] == served["generation"] + 1
        await talk
    await until(lambda: stack.session("KILLED")["committed_ms"] >= 15_000)
    await asyncio.to_thread(stack.close_room, "KILLED")
    await until(lambda: stack.session("KILLED")["state"] == "closed")
    assert lost_and_doubled(stack, "KILLED", talked) == (0, 0)


def test_web_speech_and_recogniser_are_replaced_under_a_live_room_and_no_word_is_lost(stack: Stack) -> None:
    with twice(stack, ("web", "speech", "asr")) as replicas:
        speech_ports = [each.port for each in replicas if each.program == "speech"]
        ports = [each.port for each in replicas if each.program == "web"]
        first = [each for each in replicas if each.number == 1]
        with requests.get(
            f"{stack.url}/captions/LIVE/events?lang=en", stream=True, timeout=WITHIN_S
        ) as events:
            rows, words = asyncio.run(
                under_rooms(
                    stack, ScriptedSpeech(240), ROOMS[:1], first, ports,
                    nothing_s=0.0, speech_ports=speech_ports,
                )
            )  # fmt: skip
            lines = list(events.iter_lines())
    assert (words.lost, words.doubled, words.rewritten, words.gaps) == (0, 0, 0, 0), rows
    assert [row.process for row in rows] == ["nothing", "web 1", "speech 1", "asr 1"]
    assert all(row.still_speech_s is not None for row in rows)
    assert lines[0] == b"retry: 1000", "an event stream ends in order, too: its reader comes back"
