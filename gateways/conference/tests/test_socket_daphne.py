"""The conference wire on Daphne, beside the stack's own server: each process has its sockets, all have the room."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest

from gateways.conference.tests.browser import host, watcher
from ops.bench.servers import running_server
from ops.faults.stack import Stack

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def on_daphne(shared_stack: Stack) -> Iterator[Stack]:
    """The shared stack, as somebody sees it who reaches its Daphne."""
    with running_server("daphne", shared_stack) as (_, port):
        reached = copy.copy(shared_stack)
        reached.port = port
        yield reached


async def test_host_and_viewers_on_different_servers_are_in_one_room(stack, on_daphne, room):
    async with (
        host(on_daphne, room) as page, watcher(stack, room) as viewer, watcher(on_daphne, room) as beside
    ):  # fmt: skip
        await page.ready()
        await page.speak(0, 2.5)
        for one in (page, viewer, beside):
            await one.says("S0001w1")
        stack.close_room(room)
        for one in (page, viewer, beside):
            assert await one.end() == (1003, "Room closed")


async def test_daphne_refuses_in_the_wire_s_words(on_daphne, room):
    async with watcher(on_daphne, room) as viewer:
        assert await viewer.end() == (1003, "Room not active")
    async with host(on_daphne, room, key="wrong") as page:
        reason = "Authentification failed: no valid password in session cookie"
        assert await page.end() == (1008, reason)


async def test_flood_ends_that_socket_alone_on_daphne_too(on_daphne, room):
    async with host(on_daphne, room) as page, watcher(on_daphne, room) as viewer:
        await page.ready()
        for _ in range(100):
            await viewer.socket.send("x")
        assert await viewer.end() == (1008, "Too many messages")
        await page.speak(0, 2.5)
        await page.says("S0001w1")
