"""Fixtures of this wire's tests."""

from __future__ import annotations

import pytest

from gateways.openai.tests.talker import key_of, until
from ops.faults.stack import Stack

UNFINISHED = "SELECT 1 FROM asr_session WHERE state IN ('starting', 'live', 'closing')"


@pytest.fixture(scope="module")
def key(shared_stack: Stack) -> str:
    return key_of(shared_stack)


@pytest.fixture
def idle_stack(stack: Stack) -> Stack:
    """With every slot free, and nothing left to do."""
    until(lambda: not stack.query(UNFINISHED))
    return stack
