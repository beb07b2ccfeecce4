"""Whatever is killed in mid-talk: no sentence is lost, none is doubled, and the room goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from ops.faults.scenarios import SCENARIOS
from ops.faults.speech import ScriptedSpeech
from ops.faults.stack import Stack, running_stack

pytestmark = pytest.mark.stack
WORKERS = ("asr", "translation", "sweeps", "beat")
OUTLIVED = ("redis-full", "redis-cannot-save")  # what Redis refuses for a while must end no worker


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(rooms=list(SCENARIOS)) as running:
        yield running


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_nothing_is_lost_nothing_doubled_and_captions_go_on(stack: Stack, name: str) -> None:
    workers = {program: stack.pid(program) for program in WORKERS}
    row = asyncio.run(SCENARIOS[name](stack, name, ScriptedSpeech()))
    assert row.harmless, row
    if name in OUTLIVED:
        assert {program: stack.pid(program) for program in WORKERS} == workers
