"""What all members in a process share: one per event loop and key, from its first member to its last."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

Member = TypeVar("Member")
Key = TypeVar("Key", bound=Hashable)


class Shared(ABC, Generic[Member]):
    """Runs as long as somebody uses it. Coming and going exclude each other."""

    def __init__(self) -> None:
        self.users = 0  # members that are here or about to come
        self._runs = False
        self._lock = asyncio.Lock()

    async def add(self, member: Member) -> None:
        """Take a member in; the first one starts it."""
        async with self._lock:
            if not self._runs:
                await self._start()
                self._runs = True
            await self._admit(member)

    async def remove(self, member: Member) -> None:
        """Let a member go; with the last one it stops."""
        async with self._lock:
            self._dismiss(member)
            if not self.users and self._runs:
                self._runs = False
                await self._stop()

    @abstractmethod
    async def _start(self) -> None:
        """For the first member. What it began it ends where it raises."""

    @abstractmethod
    async def _stop(self) -> None:
        """Behind the last member."""

    @abstractmethod
    async def _admit(self, member: Member) -> None:
        """One more."""

    @abstractmethod
    def _dismiss(self, member: Member) -> None:
        """One less, which may not be here."""


SharedT = TypeVar("SharedT", bound=Shared[Any])


class PerLoop(Generic[Key, SharedT]):
    """Those of one kind: whoever joins with the same key in the same event loop shares one."""

    def __init__(self, make: Callable[[Key], SharedT]) -> None:
        self._make = make
        self._here: dict[tuple[asyncio.AbstractEventLoop, Key], SharedT] = {}

    async def join(self, key: Key, member: Any) -> SharedT:
        """Add `member` to the one of this key, made if need be."""
        here = (asyncio.get_running_loop(), key)
        shared = self._here.get(here)
        if shared is None:
            shared = self._here[here] = self._make(key)
        shared.users += 1
        try:
            await shared.add(member)
        except BaseException:
            await self.leave(shared, member)
            raise
        return shared

    async def leave(self, shared: SharedT, member: Any) -> None:
        """Take `member` off; the last one stops it."""
        shared.users -= 1
        if not shared.users:  # nobody new may come to one that stops
            self._here = {here: known for here, known in self._here.items() if known is not shared}
        await shared.remove(member)

    def keys(self) -> list[Key]:
        """Of what the running event loop has."""
        loop = asyncio.get_running_loop()
        return [key for known, key in self._here if known is loop]
