"""The Redis stream that carries a session's text to the gateway that asked for it; for text that is not stored.

`text:<session>` holds, entry by entry: `channel`, `kind`, `seq`, `sealed` (JSON, encrypted by the session's key). What lasts (`words`, `speech`,
`flushed`, `end`, `error`, `closed`) is numbered by `seq`, so that a reader knows what it missed when the stream was
trimmed; of what does not last, `hypothesis`, only the newest of a channel is kept. The oldest entries go when there are too many.
`text:<session>:state` holds how far each channel is and who may write: a channel's words, its "committed up to", its
language and where speech is are one step, so a process that is killed leaves nothing out and says nothing twice.
Both expire an hour after the last write, in case nobody deletes them.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from asr.redis_clients import SOCKET_TIMEOUT_S, async_client, client, outages_as
from rooms.encryption import Cipher
from rooms.outages import Unavailable

__all__ = ["AsyncTextStream", "Text", "TextGap", "TextStream", "TextStreamTaken", "TextStreamUnavailable"]

EXPIRE_S = 3600
MAX_ENTRIES = 4000  # of one session: a quarter of an hour of three people who talk at once

Kind = Literal["words", "hypothesis", "speech", "flushed", "end", "error", "closed"]

# XADD comes first: a full Redis refuses the first write, and with it the whole step.
_APPEND = """
local fence = tonumber(redis.call('HGET', KEYS[2], 'generation') or 0)
if fence > tonumber(ARGV[1]) then return 'taken' end
local channel = ARGV[2]
if redis.call('HGET', KEYS[2], 'token:' .. channel) == ARGV[3] then return 'known' end
local seq = tonumber(redis.call('HGET', KEYS[2], 'seq') or 0)
for i = 10, #ARGV, 2 do
  local lasts = ARGV[i] ~= 'hypothesis'
  if lasts then seq = seq + 1 end
  local id = redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[6], '*', 'channel', channel, 'kind', ARGV[i],
    'seq', string.format('%.0f', seq), 'sealed', ARGV[i + 1])
  local before = redis.call('HGET', KEYS[2], 'hypothesis:' .. channel)
  if before then redis.call('XDEL', KEYS[1], before) end
  if lasts then redis.call('HDEL', KEYS[2], 'hypothesis:' .. channel)
  else redis.call('HSET', KEYS[2], 'hypothesis:' .. channel, id) end
end
redis.call('HSET', KEYS[2], 'generation', ARGV[1], 'seq', string.format('%.0f', seq), 'token:' .. channel, ARGV[3])
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[2], 'committed_ms:' .. channel, ARGV[4])
  if ARGV[5] ~= '' then redis.call('HSET', KEYS[2], 'last_word:' .. channel, ARGV[5]) end
end
if ARGV[8] ~= '' then redis.call('HSET', KEYS[2], 'lang:' .. channel, ARGV[8]) end
if ARGV[9] ~= '' then redis.call('HSET', KEYS[2], 'speech:' .. channel, ARGV[9]) end
redis.call('EXPIRE', KEYS[1], ARGV[7])
redis.call('EXPIRE', KEYS[2], ARGV[7])
return 'added'
"""

_BEGIN = """
local fence = tonumber(redis.call('HGET', KEYS[1], 'generation') or 0)
if fence > tonumber(ARGV[1]) then return 'taken' end
if fence < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'generation', ARGV[1])
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return redis.call('HMGET', KEYS[1], 'committed_ms:' .. ARGV[3], 'last_word:' .. ARGV[3],
  'lang:' .. ARGV[3], 'speech:' .. ARGV[3])
"""


class Standing(NamedTuple):
    """How far a channel is: audio up to `committed_ms` is text, which ends with `last_word`.

    `lang`: the language that it is in; `speech`: what was told last of where speech is. "": nothing was said of them.
    """

    committed_ms: int = 0
    last_word: str = ""
    lang: str = ""
    speech: str = ""


class TextStreamTaken(Exception):
    """A process of a later generation writes this session's text: this one writes nothing more."""


class TextStreamUnavailable(Unavailable):
    """Redis did not answer or is full; nothing is known about the last call."""


class TextGap(Exception):
    """The stream was trimmed before it was read: `missed` lasting entries are gone; reading may go on behind them."""

    def __init__(self, missed: int) -> None:
        super().__init__(f"{missed} entries are gone")
        self.missed = missed


@dataclass(frozen=True, slots=True)
class Text:
    """One entry; `data` is JSON as the kind has it (asr/sinks/stream.py)."""

    entry_id: str
    channel: str
    kind: str
    seq: int
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Piece:
    """What is appended: a kind and its values."""

    kind: Kind
    data: dict[str, Any] = field(default_factory=dict)


class TextStream:
    """A session's text for the process that writes it. `generation`: of its lease; a lower one writes nothing.

    Methods raise TextStreamTaken, and TextStreamUnavailable when Redis stays away for more than about a second, is
    silent, or takes nothing now (rooms/outages.py).
    """

    def __init__(
        self,
        redis_url: str,
        session: str,
        generation: int,
        *,
        cipher: Cipher,
        max_entries: int = MAX_ENTRIES,
    ) -> None:
        self._redis = client(redis_url)
        self._session, self._cipher = session, cipher
        self._keys = _keys(session)
        self._generation = generation
        self._max_entries = max_entries
        self._append = self._redis.register_script(_APPEND)
        self._begin = self._redis.register_script(_BEGIN)

    def begin(self, channel: str) -> Standing:
        """Shuts older generations out; how far the channel is."""
        with outages_as(TextStreamUnavailable):
            answer: Any = self._begin([self._keys[1]], [self._generation, EXPIRE_S, channel])
        if answer in (b"taken", "taken"):
            raise TextStreamTaken
        committed_ms, last_word, *texts = answer
        if last_word:
            last_word = self._cipher.decrypt(last_word, _context(self._session, "last word", channel))
        return Standing(int(committed_ms or 0), *((text or b"").decode() for text in (last_word, *texts)))

    def append(
        self,
        channel: str,
        pieces: Sequence[Piece],
        *,
        token: str = "",
        committed_ms: int | None = None,
        last_word: str = "",
        lang: str = "",
        speech: str = "",
    ) -> None:
        """All of these in one step, with how far the channel is (`Standing`; "" leaves what there is).

        The same `token` again adds nothing.
        """
        values = [each for piece in pieces for each in (piece.kind, self._sealed(piece, channel))]
        about_word = _context(self._session, "last word", channel)
        word = self._cipher.encrypt(last_word.encode(), about_word) if last_word else ""
        arguments: list[str | bytes | int] = [
            self._generation, channel, token or new_token(), "" if committed_ms is None else committed_ms,
            word, self._max_entries, EXPIRE_S, lang, speech, *values,
        ]  # fmt: skip
        with outages_as(TextStreamUnavailable):
            answer: Any = self._append(list(self._keys), arguments)
        if answer in (b"taken", "taken"):
            raise TextStreamTaken

    def delete(self) -> None:
        """Drops text and state."""
        with outages_as(TextStreamUnavailable):
            self._redis.delete(*self._keys)

    def _sealed(self, piece: Piece, channel: str) -> bytes:
        data = json.dumps(piece.data, ensure_ascii=False).encode()
        return self._cipher.encrypt(data, _context(self._session, piece.kind, channel))


class AsyncTextStream:
    """A session's text for a gateway: each entry at least once and in order, from `after` on.

    Keep `after` and `seq` to go on with another object where this one stopped.
    """

    def __init__(
        self, redis_url: str, session: str, *, cipher: Cipher, after: str = "0-0", seq: int = 0
    ) -> None:
        self._redis = async_client(redis_url)
        self._session, self._cipher = session, cipher
        self._keys = _keys(session)
        self.after = after
        self.seq = seq

    async def read(self, *, block_ms: int = 1000, count: int = 100) -> list[Text]:
        """What is new, oldest first; [] when nothing comes for `block_ms`.

        Raises TextGap where entries are gone (call again to go on behind them) and TextStreamUnavailable.
        """
        block = min(block_ms, int(SOCKET_TIMEOUT_S * 500)) or None
        with outages_as(TextStreamUnavailable):
            answer: Any = await self._redis.xread({self._keys[0]: self.after}, count=count, block=block)
        texts = [self._text(entry_id, fields) for entry_id, fields in _rows(answer)]
        taken: list[Text] = []
        for text in texts:
            lasts = text.kind != "hypothesis"
            missed = text.seq - self.seq - (1 if lasts else 0)
            if missed > 0:
                if taken:
                    return taken  # the gap is reported with the next call
                self.seq += missed
                raise TextGap(missed)
            self.after, self.seq = text.entry_id, text.seq
            taken.append(text)
        return taken

    async def delete(self) -> None:
        """Drops text and state: nobody will read on."""
        with outages_as(TextStreamUnavailable):
            await self._redis.delete(*self._keys)

    def _text(self, entry_id: bytes, fields: dict[bytes, bytes]) -> Text:
        channel, kind = fields[b"channel"].decode(), fields[b"kind"].decode()
        data = fields.get(b"data")  # an older version wrote it
        if data is None:
            data = self._cipher.decrypt(fields[b"sealed"], _context(self._session, kind, channel))
        return Text(entry_id.decode(), channel, kind, int(fields[b"seq"]), json.loads(data))


def new_token() -> str:
    """By which an append that is tried again is known."""
    return secrets.token_hex(8)


def _context(session: str, kind: str, channel: str) -> str:
    return f"text {session} {kind} {channel}"


def _keys(session: str) -> tuple[str, str]:
    return f"text:{session}", f"text:{session}:state"


def _rows(answer: Any) -> Iterable[tuple[bytes, dict[bytes, bytes]]]:
    """The rows of XREAD, in either version of Redis's protocol."""
    groups = answer.values() if isinstance(answer, dict) else [rows for _, rows in answer or ()]
    for rows in groups:
        nested = (
            bool(rows)
            and isinstance(rows[0], list)
            and bool(rows[0])
            and isinstance(rows[0][0], list | tuple)
        )
        yield from (row for page in rows for row in page) if nested else rows
