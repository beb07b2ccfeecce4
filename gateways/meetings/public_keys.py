"""Public keys by name, from a server or a folder; kept for a while, few at a time, none for long when it is not there."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx2

KEPT: Final = 512
KEPT_FOR_S: Final = 600.0  # a key that is withdrawn is believed for as long
MISSED_FOR_S: Final = 10.0
FETCHED_WITHIN_S: Final = 3.0
FETCHED_AT_ONCE: Final = 4
KEY_BYTES: Final = 16 * 1024
UNCOMPRESSED: Final = {"Accept-Encoding": "identity"}  # what is counted is what comes
Fetch = Callable[[str], Awaitable[bytes]]  # by a file's name; raises KeyNotFound


class KeyNotFound(Exception):
    """There is no such key, or nobody can say in time."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A key, or (None) that there is none."""

    pem: str | None
    until_s: float


class PublicKeys:
    """The keys of one place. Who asks for the same one at the same time waits for the same answer. For one event loop."""

    def __init__(self, fetch: Fetch, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._asked: dict[str, asyncio.Task[str | None]] = {}
        self._slots = asyncio.Semaphore(FETCHED_AT_ONCE)

    async def get(self, kid: str) -> str:
        """The PEM of this key. Raises KeyNotFound."""
        name = f"{sha256(kid.encode('utf-8', 'surrogatepass')).hexdigest()}.pem"
        known = self._known.get(name)
        if known is not None and known.until_s > self._clock():
            pem = known.pem
        else:
            if name not in self._asked:
                self._asked[name] = asyncio.ensure_future(self._ask(name))
            pem = await asyncio.shield(self._asked[name])
        if pem is None:
            raise KeyNotFound
        return pem

    async def _ask(self, name: str) -> str | None:
        pem: str | None = None
        try:
            async with asyncio.timeout(FETCHED_WITHIN_S), self._slots:
                pem = (await self._fetch(name)).decode("ascii")
        except (KeyNotFound, TimeoutError, UnicodeDecodeError):
            pass
        finally:
            del self._asked[name]
        self._known[name] = _Known(pem, self._clock() + (KEPT_FOR_S if pem else MISSED_FOR_S))
        self._known.move_to_end(name)
        while len(self._known) > KEPT:
            self._forget_one()
        return pem

    def _forget_one(self) -> None:
        """The oldest that was not there, or the oldest: whoever makes names up pushes no key out."""
        missing = next((name for name, known in self._known.items() if known.pem is None), None)
        self._known.pop(missing or next(iter(self._known)))


def fetcher(place: str, folder: str) -> Fetch:
    """Of an address (http, https), or of a local folder. `place` empty: there are no keys."""
    if urlsplit(place).scheme in ("http", "https"):
        return _OnServer("/".join(filter(None, (place.rstrip("/"), folder.strip("/")))))
    root = Path(place.removeprefix("file://")) / folder.strip("/")
    return _in_folder(root) if place else _nowhere


class _OnServer:
    def __init__(self, address: str) -> None:
        self._address = address
        self._client: httpx2.AsyncClient | None = None

    async def __call__(self, name: str) -> bytes:
        self._client = self._client or httpx2.AsyncClient(timeout=FETCHED_WITHIN_S, headers=UNCOMPRESSED)
        found = bytearray()
        try:
            async with self._client.stream("GET", f"{self._address}/{name}") as answer:
                if answer.status_code != httpx2.codes.OK:
                    raise KeyNotFound
                async for piece in answer.aiter_raw():
                    found += piece
                    if len(found) > KEY_BYTES:
                        raise KeyNotFound
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise KeyNotFound from error
        return bytes(found)


def _in_folder(folder: Path) -> Fetch:
    def read(name: str) -> bytes:
        try:
            with (folder / name).open("rb") as file:
                found = file.read(KEY_BYTES + 1)
        except OSError as error:
            raise KeyNotFound from error
        if len(found) > KEY_BYTES:
            raise KeyNotFound
        return found

    async def fetch(name: str) -> bytes:
        return await asyncio.to_thread(read, name)

    return fetch


async def _nowhere(name: str) -> bytes:
    raise KeyNotFound
