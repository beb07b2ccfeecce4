"""A host as our own page is one (static/js/host/uplink.js): it numbers its audio and keeps what the server has not said that it has."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections import deque
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import requests

from gateways.conference.client.host import Host, HostLostError, HostOptions, HostRefusedError

KEPT_S, SILENT_AFTER_S = 60.0, 8.0
RETRY_S, RETRY_MOST_S = 0.5, 5.0
AGAIN_S = 1.0  # after a refusal somebody clicks again
LOOK_S = 0.05


@dataclass(slots=True)
class _Kept:
    number: int
    framed: bytes
    at_s: float
    sent: bool = False


class PageHost:
    """One page of one talk. `refusals`: reasons with which the server closed its sockets; `given_up`: blobs that it had to forget before the server said that it has them;
    `breaks`: when its connections ended otherwise (monotonic seconds), and whether the server said nothing any more or they were closed."""

    def __init__(self, options: HostOptions) -> None:
        self.refusals: list[str] = []
        self.refused = asyncio.Event()
        self.given_up = 0
        self.breaks: list[tuple[float, Literal["silent", "closed"]]] = []
        self.recorder = ""
        self._options = options
        self._key = ""
        self._connection_id: str | None = None
        self._kept: deque[_Kept] = deque()
        self._empty = asyncio.Event()
        self._empty.set()
        self._next = 0
        self._taking = False
        self._said_s = 0.0
        self._offline_until_s = 0.0
        self._over = False
        self._host = self._load()

    async def drained(self) -> None:
        """Until the server has everything."""
        await self._empty.wait()

    def push(self, blob: bytes) -> None:
        """A blob of the recorder. Of what cannot go the last minute is kept."""
        now_s = time.monotonic()
        self._kept.append(_Kept(self._next, self._next.to_bytes(4, "big") + blob, now_s))
        self._next += 1
        self._empty.clear()
        while now_s - self._kept[0].at_s > KEPT_S:
            self._kept.popleft()
            self.given_up += 1

    async def run(self) -> None:
        """Connect, and come back, until `close`."""
        tries = 0
        while not self._over:
            await asyncio.sleep(max(0.0, self._offline_until_s - time.monotonic()))
            host = self._host
            pause_s = min(RETRY_MOST_S, RETRY_S * 2**tries) * random.uniform(0.7, 1.3)  # noqa: S311
            try:
                if not self._key:  # a page is there when its host has signed in
                    self._key = await asyncio.to_thread(_log_in, self._options)
                    host = self._host = self._load()
                await host.connect()
                self._said_s = time.monotonic()
                await self._serve(host)
            except HostRefusedError as error:
                self.refusals.append(error.reason)
                self.refused.set()
                pause_s = AGAIN_S
            except (HostLostError, TimeoutError, requests.RequestException, ValueError, KeyError):
                if self._taking:
                    silent = time.monotonic() - self._said_s > SILENT_AFTER_S
                    self.breaks.append((time.monotonic(), "silent" if silent else "closed"))
            tries = 0 if self._taking else tries + 1
            self._taking = False
            for kept in self._kept:
                kept.sent = False  # who knows
            await host.drop()
            if not self._over and host is self._host:
                await asyncio.sleep(pause_s)

    async def lose_network(self, seconds: float) -> None:
        """The connection breaks, and there is none for so long."""
        self._offline_until_s = time.monotonic() + seconds
        await self._host.drop()

    async def reload(self, seconds: float) -> None:
        """Another page, which knows the cookies alone, records after so long: a new recorder."""
        before = self._host
        self._connection_id = before.connection_id
        self._offline_until_s = time.monotonic() + seconds
        self.given_up += len(self._kept)
        self._kept.clear()
        self._empty.set()
        self._next = 0
        self._taking = False
        self._host = self._load()
        await before.leave()

    async def close(self) -> None:
        """The page is closed."""
        self._over = True
        self.given_up += len(self._kept)
        await self._host.leave()

    def _load(self) -> Host:
        self.recorder = secrets.token_hex(16)
        options = replace(self._options, recorder=self.recorder, password=self._key or self._options.password)
        host = Host(options, on_message=partial(self._on_message, self.recorder))
        host.connection_id = self._connection_id
        return host

    async def _serve(self, host: Host) -> None:
        """Send what is there as soon as the server has said what it has. Raises when the connection has ended."""
        while host is self._host:
            for kept in [kept for kept in self._kept if not kept.sent] if self._taking else ():
                async with asyncio.timeout(SILENT_AFTER_S):
                    await host.send(kept.framed)
                kept.sent = True
            await host.listen(LOOK_S)
            if time.monotonic() - self._said_s > SILENT_AFTER_S:
                raise HostLostError("nothing comes from the server")

    def _on_message(self, recorder: str, message: dict[str, Any]) -> None:
        if recorder != self.recorder:
            return  # of the page before
        self._said_s = time.monotonic()
        info = message.get("info")
        received = info.get("audio_received") if isinstance(info, dict) else None
        if isinstance(received, int):
            while self._kept and self._kept[0].number < received:
                self._kept.popleft()
            self._taking = True
            if not self._kept:
                self._empty.set()


def _log_in(options: HostOptions) -> str:
    """The key for a password. Raises requests.RequestException, ValueError, KeyError."""
    answer = requests.post(
        options.login_address,
        json={"password": options.password, "role": None},
        timeout=options.open_timeout_s,
    )
    answer.raise_for_status()
    return str(answer.json()["key"])
