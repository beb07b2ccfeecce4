"""Fixtures of the gateways' tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from gateways.conference.tests.browser import closed_room
from ops.faults.stack import Stack


@pytest.fixture
def stack(shared_stack: Stack) -> Stack:
    return shared_stack


@pytest.fixture
def new_room(stack: Stack, unused_rooms: Iterator[str]) -> Iterator[Callable[[], str]]:
    """Gives rooms that nobody used; closed afterwards, so that their slots are free for the next test."""
    codes: list[str] = []

    def give() -> str:
        codes.append(next(unused_rooms))
        return codes[-1]

    yield give
    for code in codes:
        if stack.session(code).get("state") in ("starting", "live", "closing"):
            asyncio.run(closed_room(stack, code))


@pytest.fixture
def room(new_room: Callable[[], str]) -> str:
    return new_room()


@pytest.fixture
def other_room(new_room: Callable[[], str]) -> str:
    return new_room()
