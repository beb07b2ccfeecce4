"""The threads in which sockets ask PostgreSQL: a few for each kind of work, so that no kind waits for another's locks.

asgiref would run all of it in one thread: whoever waited there for a row kept every other socket of the process waiting.

    room = await reads(room_now)(room_id)
    lease = await room_writes.of(code)(join_as_host)(request)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar, cast
from weakref import WeakValueDictionary

from channels.db import DatabaseSyncToAsync
from django.db import connections

from rooms.errors import DomainError

P = ParamSpec("P")
R = TypeVar("R")


class _Worked(DatabaseSyncToAsync):  # type: ignore[misc]
    """Work in a thread that keeps no connection."""

    def thread_handler(self, *args: Any, **named: Any) -> Any:
        try:
            return super().thread_handler(*args, **named)
        finally:
            connections.close_all()  # back into the pool


class Lane:
    """So many threads, each with a connection while it works; beyond `most_waiting` nobody waits for one."""

    def __init__(self, name: str, *, threads: int, most_waiting: int = 5_000) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=f"database-{name}")
        self._most_waiting, self._waiting = most_waiting, 0
        self._turns: WeakValueDictionary[tuple[int, Hashable], asyncio.Lock] = WeakValueDictionary()

    def __call__(self, work: Callable[P, R]) -> Callable[P, Awaitable[R]]:
        """`work` as a coroutine function. Raises what it raises, and DomainError (`not_ready`) where too much waits."""
        in_thread = _Worked(work, thread_sensitive=False, executor=self._threads)

        async def counted(*args: P.args, **named: P.kwargs) -> R:
            if self._waiting >= self._most_waiting:
                raise DomainError("not_ready", retry=True)
            self._waiting += 1
            try:
                return cast(R, await in_thread(*args, **named))
            finally:
                self._waiting -= 1

        return counted

    def of(self, key: Hashable) -> Callable[[Callable[P, R]], Callable[P, Awaitable[R]]]:
        """The same, one at a time for a key: what waits for one room's lock takes one thread."""

        def keyed(work: Callable[P, R]) -> Callable[P, Awaitable[R]]:
            async def in_turn(*args: P.args, **named: P.kwargs) -> R:
                async with self._turn(key):
                    return await self(work)(*args, **named)

            return in_turn

        return keyed

    def _turn(self, key: Hashable) -> asyncio.Lock:
        place = (id(asyncio.get_running_loop()), key)
        turn = self._turns.get(place)
        if turn is None:
            turn = self._turns[place] = asyncio.Lock()
        return turn


handshakes: Final = Lane(
    "handshakes", threads=4, most_waiting=2_000
)  # who is it, which room: nothing that waits for a row
reads: Final = Lane("reads", threads=4)  # what viewers follow, and their demand
room_writes: Final = Lane("rooms", threads=6)  # hosts and captioners: these lock rooms and sessions
stream_rows: Final = Lane("streams", threads=4)  # sessions without a room
