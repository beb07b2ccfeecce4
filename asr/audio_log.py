"""The Redis stream that carries a session's audio from the web process to the ASR process.

`audio:<session>` holds what the recorder sent, entry by entry: `kind`, `sealed` (the bytes, encrypted by the session's key), `total`
(bytes ever appended, so that the backlog follows from the first and the last entry), `token` (a retried append is
recognised), `channel` (who speaks; missing where one does).
`audio:<session>:checkpoint` says for each channel, encrypted, where decoding can begin again; what no channel needs is trimmed.
`audio:recorder:<recorder>` is the number of the last blob that was taken from a recorder that counts its blobs, whichever session's
log it went to: written in the same step, so that one that is sent again, over whatever connection, is not doubled.
All expire an hour after the last write, in case nobody deletes them.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from asr.audio.decode import Checkpoint
from asr.redis_clients import SOCKET_TIMEOUT_S, async_client, client, outages_as
from rooms.encryption import Cipher, Undecryptable
from rooms.outages import Unavailable

__all__ = [
    "AsyncAudioLog",
    "AudioLog",
    "AudioLogTaken",
    "AudioLogUnavailable",
    "Entry",
    "Limits",
    "is_before",
    "order",
]

EXPIRE_S = 3600

_APPEND = """
if KEYS[3] and tonumber(redis.call('GET', KEYS[3]) or -1) >= tonumber(ARGV[9]) then return 'known' end
local fence = tonumber(redis.call('HGET', KEYS[2], 'fence') or 0)
if fence > tonumber(ARGV[7]) then return 'taken' end
if fence < tonumber(ARGV[7]) then redis.call('HSET', KEYS[2], 'fence', ARGV[7]) end
local waiting, total = 0, 0
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if last then
  if last[2][8] == ARGV[3] then return last[1] end
  local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  total = tonumber(last[2][6])
  waiting = total - tonumber(first[2][6]) + #first[2][4]
end
local full = redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[4]) or waiting + #ARGV[2] > tonumber(ARGV[5])
if full and ARGV[1] ~= 'end' and ARGV[1] ~= 'flush' then return false end
local id = redis.call('XADD', KEYS[1], '*', 'kind', ARGV[1], 'sealed', ARGV[2],
  'total', string.format('%.0f', total + #ARGV[2]), 'token', ARGV[3], 'channel', ARGV[8])
redis.call('EXPIRE', KEYS[1], ARGV[6])
redis.call('EXPIRE', KEYS[2], ARGV[6])
if KEYS[3] then redis.call('SET', KEYS[3], ARGV[9], 'EX', ARGV[6]) end
return id
"""

# XTRIM comes first: a full Redis takes it, and a script that has written may go on writing.
_SAVE_AND_TRIM = """
local function split(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end
local saved = redis.call('HGET', KEYS[2], 'entry_id')
if saved then
  local saved_ms, saved_seq = split(saved)
  local ms, seq = split(ARGV[1])
  if saved_ms > ms or (saved_ms == ms and saved_seq > seq) then return 0 end
end
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[1])
redis.call('HSET', KEYS[2], 'entry_id', ARGV[1])
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[2], 'checkpoint:' .. ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
"""


class AudioLogTaken(Exception):
    """A writer with a higher fence, another host, has the log: this one writes nothing more."""


class AudioLogUnavailable(Unavailable):
    """Redis did not answer, not even after some retries, or it is full; nothing is known about the last call."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a recorder sent at once; `kind` is one of asr.audio.decode.Kind, `channel` who speaks.

    Or (`flush`) the request that all before it become text now, answered by the token in `data`; speech may go on behind it.
    """

    entry_id: str
    kind: str
    data: bytes
    channel: str = ""

    @property
    def arrived_s(self) -> float:
        """When Redis took it, in seconds since the epoch."""
        return int(self.entry_id.partition("-")[0]) / 1000


def order(entry_id: str) -> tuple[int, int]:
    """By which ids of entries are compared."""
    ms, _, sequence = entry_id.partition("-")
    return int(ms), int(sequence or 0)


def is_before(entry_id: str, other: str) -> bool:
    """Whether an entry came before another one."""
    return order(entry_id) < order(other)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may wait: ten minutes of 100 ms blobs, or of raw PCM."""

    entries: int = 6_000
    size_bytes: int = 20_000_000


@dataclass(frozen=True, slots=True)
class _Keys:
    stream: str
    checkpoint: str

    @classmethod
    def of(cls, session: str) -> _Keys:
        return cls(f"audio:{session}", f"audio:{session}:checkpoint")

    @property
    def both(self) -> list[str]:
        return [self.stream, self.checkpoint]


@dataclass(slots=True)
class _Appending:
    """What the next append has to say, so that nothing is doubled and no loss goes unmarked."""

    session: str
    limits: Limits
    cipher: Cipher | None
    fence: int = 0
    lost: set[str] = field(default_factory=set)  # channels that miss something
    token: str = ""
    unsure_of: bytes | None = None

    def arguments(self, kind: str, data: bytes, channel: str) -> list[str | bytes | int]:
        if self.unsure_of is not data:
            self.token = secrets.token_hex(8)
        self.unsure_of = data
        if channel in self.lost and kind == "more":
            kind = "join"
        limits = self.limits
        data = _known(self.cipher).encrypt(data, _context(self.session, kind, channel))
        return [kind, data, self.token, limits.entries, limits.size_bytes, EXPIRE_S, self.fence, channel]

    def answered(self, kind: str, channel: str, entry_id: object) -> bool:
        self.unsure_of = None
        if entry_id in (b"known", "known"):
            return True
        if entry_id in (b"taken", "taken"):
            raise AudioLogTaken
        if entry_id is None:
            self.lost.add(channel)
        elif kind not in ("end", "flush"):
            self.lost.discard(channel)
        return entry_id is not None


class AudioLog:
    """A session's audio for synchronous code; may be used by several threads. Without a cipher it cannot be written or read.

    Every method raises AudioLogUnavailable when Redis stays away for more than about a second, is silent for
    SOCKET_TIMEOUT_S, or takes nothing now (rooms/outages.py).
    """

    def __init__(
        self, redis_url: str, session: str, *, cipher: Cipher | None = None, limits: Limits = Limits()
    ) -> None:
        self._redis = client(redis_url)
        self._session, self._cipher = session, cipher
        self._keys = _Keys.of(session)
        self._appending = _Appending(session, limits, cipher)
        self._append = self._redis.register_script(_APPEND)
        self._save_and_trim = self._redis.register_script(_SAVE_AND_TRIM)

    def append(self, kind: str, data: bytes, *, channel: str = "") -> bool:
        """False: ten minutes wait already, this was not taken. The channel's next blob that is taken counts as a join."""
        arguments = self._appending.arguments(kind, data, channel)
        with outages_as(AudioLogUnavailable):
            return self._appending.answered(kind, channel, self._append(self._keys.both, arguments))

    def read(self, after: str, *, block_ms: int, count: int = 64) -> list[Entry]:
        """Entries behind an id, oldest first; waits up to `block_ms` (0: not at all) for the first one."""
        with outages_as(AudioLogUnavailable):
            block = min(block_ms, int(SOCKET_TIMEOUT_S * 500)) or None
            streams: Any = self._redis.xread({self._keys.stream: after}, count=count, block=block)
        return [self._entry(*row) for row in _rows(streams)]

    def has_after(self, after: str) -> bool:
        """Whether anything waits behind an id."""
        with outages_as(AudioLogUnavailable):
            return bool(self._redis.xrange(self._keys.stream, min=f"({after}", count=1))

    def save_checkpoints_and_trim(self, checkpoints: Mapping[str, Checkpoint], *, keep_from: str) -> bool:
        """Keeps each channel's checkpoint and drops the entries before `keep_from`, in one step.

        False: a newer one is kept already.
        """
        cipher = _known(self._cipher)
        pairs = [
            each
            for channel, point in checkpoints.items()
            for each in (
                channel,
                cipher.encrypt(point.to_bytes(), _context(self._session, "checkpoint", channel)),
            )
        ]
        arguments: list[str | bytes | int] = [keep_from, EXPIRE_S, *pairs]
        with outages_as(AudioLogUnavailable):
            return bool(self._save_and_trim([self._keys.stream, self._keys.checkpoint], arguments))

    def load_checkpoints(self) -> dict[str, Checkpoint]:
        """The last ones kept, by channel; those left out that cannot be read."""
        with outages_as(AudioLogUnavailable):
            fields: Any = self._redis.hgetall(self._keys.checkpoint)
        cipher, found = _known(self._cipher), {}
        for name, data in fields.items():
            kind, _, channel = name.decode().partition(":")
            try:
                if kind == "checkpoint":
                    context = _context(self._session, "checkpoint", channel)
                    found[channel] = Checkpoint.from_bytes(cipher.decrypt(data, context))
            except (ValueError, Undecryptable):
                continue
        return found

    def delete(self) -> None:
        """Drops audio and checkpoint."""
        with outages_as(AudioLogUnavailable):
            self._redis.delete(*self._keys.both)

    def _entry(self, entry_id: bytes, fields: dict[bytes, bytes]) -> Entry:
        kind, channel = fields[b"kind"].decode(), fields.get(b"channel", b"").decode()
        if b"data" in fields:  # an older version wrote it
            return Entry(entry_id.decode(), kind, fields[b"data"], channel)
        data = _known(self._cipher).decrypt(fields[b"sealed"], _context(self._session, kind, channel))
        return Entry(entry_id.decode(), kind, data, channel)


class AsyncAudioLog:
    """A session's audio for the web process; one writer at a time for each object.

    Without a cipher it cannot be written. `fence`: a log that was written with a higher one takes nothing (AudioLogTaken). `recorder`: who counts the blobs
    that are appended with a number, from 0.
    """

    def __init__(
        self,
        redis_url: str,
        session: str,
        *,
        cipher: Cipher | None = None,
        limits: Limits = Limits(),
        fence: int = 0,
        recorder: str = "",
    ) -> None:
        self._client = async_client(redis_url)
        self._keys = _Keys.of(session)
        self._recorder = f"audio:recorder:{recorder}"
        self._appending = _Appending(session, limits, cipher, fence)
        self._append: Callable[..., Awaitable[Any]] = self._client.register_script(_APPEND)

    async def append(self, kind: str, data: bytes, *, channel: str = "", number: int | None = None) -> bool:
        """As AudioLog.append. After AudioLogUnavailable the same object may be appended again: it is never doubled.

        `number`: the recorder's, which rises; True also where this one or a later one was taken before.
        """
        arguments, keys = self._appending.arguments(kind, data, channel), self._keys.both
        if number is not None:
            arguments, keys = [*arguments, number], [*keys, self._recorder]
        with outages_as(AudioLogUnavailable):
            return self._appending.answered(kind, channel, await self._append(keys, arguments))

    async def received(self) -> int:
        """The number of the recorder's next blob: everything before it was taken."""
        with outages_as(AudioLogUnavailable):
            last = await self._client.get(self._recorder)
        return 0 if last is None else int(last) + 1

    async def oldest_waits_s(self) -> float:
        """Seconds since the oldest entry that is kept arrived; 0.0 where none is."""
        with outages_as(AudioLogUnavailable):
            rows: Any = await self._client.xrange(self._keys.stream, count=1)
        return max(0.0, time.time() - Entry(rows[0][0].decode(), "", b"").arrived_s) if rows else 0.0

    async def delete(self) -> None:
        """As AudioLog.delete."""
        with outages_as(AudioLogUnavailable):
            await self._client.delete(*self._keys.both)


def _known(cipher: Cipher | None) -> Cipher:
    if cipher is None:
        raise RuntimeError("a log without a cipher is only counted and deleted")
    return cipher


def _context(session: str, kind: str, channel: str) -> str:
    return f"audio {session} {kind} {channel}"


def _rows(streams: Any) -> Any:
    """The rows (id, fields) of XREAD's answer, in either version of Redis's protocol."""
    found = streams.values() if isinstance(streams, dict) else (rows for _, rows in streams or ())
    rows = [row for group in found for row in group]
    if rows and isinstance(rows[0], list) and rows[0] and isinstance(rows[0][0], list | tuple):
        rows = [row for page in rows for row in page]
    return rows
