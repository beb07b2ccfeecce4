"""Whatever is killed in mid-talk: no sentence is lost, none is doubled, and the room goes on; what is withdrawn goes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from ops.faults.scenarios import SCENARIOS
from ops.faults.speech import ScriptedSpeech
from ops.faults.stack import Stack, running_stack
from ops.faults.withdrawal import STOPS, withdraw

pytestmark = pytest.mark.stack
WORKERS = ("asr", "translation", "sweeps", "beat")
WITHDRAWN = {f"WITHDRAWN{number}": stop for number, stop in enumerate(list(STOPS)[1:])}  # as many as slots
BUSY_S = 300.0  # a minute, on a machine that does nothing else
OUTLIVED = ("redis-full", "redis-cannot-save")  # what Redis refuses for a while must end no worker


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(rooms=[*SCENARIOS, *WITHDRAWN]) as running:
        yield running


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_nothing_is_lost_nothing_doubled_and_captions_go_on(stack: Stack, name: str) -> None:
    workers = {program: stack.pid(program) for program in WORKERS}
    row = asyncio.run(SCENARIOS[name](stack, name, ScriptedSpeech()))
    assert row.harmless, row
    if name in OUTLIVED:
        assert {program: stack.pid(program) for program in WORKERS} == workers


def test_withdrawals_whose_processes_are_killed_in_the_middle_are_finished_when_they_are_back(
    stack: Stack,
) -> None:
    rows = asyncio.run(withdraw(stack, WITHDRAWN, within_s=BUSY_S))
    assert all(row.whole for row in rows), rows
