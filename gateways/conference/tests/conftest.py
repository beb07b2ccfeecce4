"""Fixtures of the socket tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from config.drill.stack import Stack
from gateways.conference.tests.browser import closed_room


@pytest.fixture
def stack(shared_stack: Stack) -> Stack:
    return shared_stack


@pytest.fixture
def room(stack: Stack, unused_rooms: Iterator[str]) -> Iterator[str]:
    """A room that nobody used; closed afterwards, so that its slot is free for the next test."""
    code = next(unused_rooms)
    yield code
    asyncio.run(closed_room(stack, code))


@pytest.fixture
def other_room(stack: Stack, unused_rooms: Iterator[str]) -> Iterator[str]:
    """A second room."""
    code = next(unused_rooms)
    yield code
    asyncio.run(closed_room(stack, code))
