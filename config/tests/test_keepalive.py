"""Who is there, by one timer for all; a tick is a second."""

from __future__ import annotations

import asyncio

import pytest
from websockets.frames import Frame, Opcode

from config.servers.keepalive import Keepalive, ends_a_frame, is_empty_pong
from config.servers.limits import PING_EVERY_S, PONG_WITHIN_S


class Socket:
    def __init__(self, *, answers: bool, pong_within_s: int = PONG_WITHIN_S) -> None:
        self.pinged_at = None
        self.pong_within_s = pong_within_s
        self.answers = answers
        self.pings = self.timeouts = 0

    def ping(self):
        self.pings += 1
        if self.answers:
            self.pinged_at = None

    def keepalive_timeout(self):
        self.timeouts += 1


@pytest.fixture
async def keepalive():
    return Keepalive(asyncio.get_running_loop(), tick_s=1000)


async def test_every_socket_is_pinged_in_each_round_and_the_pings_are_spread(keepalive):
    sockets = [Socket(answers=True) for _ in range(5 * PING_EVERY_S)]
    for socket in sockets:
        keepalive.add(socket)
    for number in range(1, PING_EVERY_S + 1):
        keepalive.tick()
        assert sum(socket.pings for socket in sockets) == 5 * number
    for _ in range(9 * PING_EVERY_S):
        keepalive.tick()
    assert {(socket.pings, socket.timeouts) for socket in sockets} == {(10, 0)}


async def test_who_does_not_answer_is_given_up_in_time_and_who_says_anything_is_not(keepalive):
    gone, slow = Socket(answers=False), Socket(answers=False)
    keepalive.add(gone)
    keepalive.add(slow)
    for _ in range(PING_EVERY_S + PONG_WITHIN_S):
        assert gone.timeouts == 0
        keepalive.tick()
        if slow.pings == 2:
            slow.pinged_at = None
    assert (gone.timeouts, slow.timeouts) == (1, 0)


async def test_a_wire_may_give_its_clients_longer_to_answer(keepalive):
    patient = Socket(answers=False, pong_within_s=30)
    keepalive.add(patient)
    for _ in range(PING_EVERY_S + 30):
        assert patient.timeouts == 0
        keepalive.tick()
    for _ in range(PING_EVERY_S):
        keepalive.tick()
    assert patient.timeouts > 0


async def test_a_socket_that_has_gone_is_left_alone(keepalive):
    socket = Socket(answers=False)
    keepalive.add(socket)
    keepalive.discard(socket)
    for _ in range(PING_EVERY_S):
        keepalive.tick()
    assert socket.pings == 0


def frame(opcode: Opcode, size: int) -> bytes:
    return Frame(opcode, b"\x8a" * size).serialize(mask=True)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_the_end_of_a_frame_is_known(size):
    whole = frame(Opcode.TEXT, size)
    assert ends_a_frame(whole)
    assert ends_a_frame(frame(Opcode.PONG, 0) + whole)
    for cut in {1, 2, 5, len(whole) - 1} - {len(whole)}:
        assert not ends_a_frame(whole[:cut])
        assert not ends_a_frame(whole + whole[:cut])


def test_only_the_answer_to_our_ping_is_taken_for_it():
    assert is_empty_pong(frame(Opcode.PONG, 0))
    others = [
        frame(Opcode.PONG, 1),
        frame(Opcode.PING, 0),
        frame(Opcode.PONG, 0) * 2,
        frame(Opcode.CLOSE, 0),
        b"",
    ]
    assert not any(map(is_empty_pong, others))
