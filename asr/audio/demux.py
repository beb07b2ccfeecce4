"""Opus packets out of a container that may be cut, damaged or entered anywhere: PyAV reads it, piece by piece.

Each piece of a live stream is read as a short file of its own: the recording's header, what the pieces before left
unfinished, the piece. Such a file ends, so no demuxer waits for more, no thread is needed, and every packet that is whole
comes out at once.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import av
from av.audio.stream import AudioStream

from asr.audio.opus import OpusHead, Packet
from asr.audio.samples import SAMPLE_RATE_HZ

MAX_HEADER_BYTES = 64 * 1024
_PAGE = re.compile(rb"OggS\0[\0-\7]")
_PAGE_TRIES = 8  # new beginnings in one piece; one that is damaged more often is not heard further
_SLICE_BYTES = 64 * 1024
_SEGMENTS_AT = 26  # the byte of a page that says how many sizes follow
_MAX_PAGE_BYTES = 27 + 255 + 255 * 255
_AS_STORED = {"fflags": "noparse"}  # a parser would put a damaged packet and the next one together


class _Readable:
    """All that FFmpeg may do with the bytes is to read them: it must not look for an index at their end."""

    def __init__(self, data: bytes) -> None:
        self.read = io.BytesIO(data).read


@dataclass(frozen=True, slots=True)
class Found:
    """A packet, where FFmpeg says that it lies in the buffer, and its time in the container's ticks."""

    pos: int
    ticks: int | None
    data: bytes


class Demuxer:
    """Feed it bytes in any pieces; it yields the packets of the first Opus stream. Nothing raises, memory is bounded."""

    container: ClassVar[str]

    def __init__(self, offset: int = 0) -> None:
        self.head: OpusHead | None = None
        self.problem: str | None = None
        self.times_lost = 0
        self._tick_s = Fraction(0)
        self._prefix = b""  # the recording's header, once it is not in the buffer any more
        self._buffer = bytearray()
        self._offset = offset  # of the buffer's first byte
        self._given = 0  # at the buffer's beginning, so many packets or blocks were given out before

    @property
    def kept_from(self) -> int:
        """No packet that is still to come begins before this offset."""
        return self._offset

    def feed(self, data: bytes) -> Iterator[Packet]:
        """The packets that are whole with these bytes."""
        for start in range(0, len(data), _SLICE_BYTES):
            self._buffer += data[start : start + _SLICE_BYTES]
            yield from self._read(final=False)

    def rejoin(self) -> None:
        """Bytes may be missing between what was fed and what comes now."""
        raise NotImplementedError

    def finish(self) -> Iterator[Packet]:
        """Nothing more comes: what waited for more is given out."""
        yield from self._read(final=True)

    def _read(self, *, final: bool) -> Iterator[Packet]:
        raise NotImplementedError

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._offset += count
        self._given = 0

    def _demux(self, prefix: bytes, suffix: bytes = b"") -> list[Found]:
        """The packets in prefix, buffer and suffix, as far as FFmpeg can read them; the first time, the header too."""
        found: list[Found] = []
        try:
            stored = _Readable(prefix + self._buffer + suffix)
            with av.open(stored, "r", format=self.container, options=_AS_STORED) as file:
                stream = next((each for each in file.streams.audio if _is_opus(each)), None)
                self.problem = None if stream else "codec_not_opus"
                if stream is None:
                    return found
                if self.head is None:
                    self.head = OpusHead.parse(stream.codec_context.extradata or b"")
                    self._tick_s = stream.time_base or Fraction(1, 1000)
                for packet in file.demux(stream):
                    if packet.size:
                        found.append(Found((packet.pos or 0) - len(prefix), packet.pts, bytes(packet)))
        except (av.FFmpegError, ValueError):
            pass  # no header yet, or none that can be read
        return found

    def _samples(self, ticks: int) -> int:
        return int(ticks * self._tick_s * SAMPLE_RATE_HZ)


def _is_opus(stream: AudioStream) -> bool:
    context = stream.codec_context  # none where FFmpeg has no decoder, or the header is cut
    return context is not None and context.name in ("opus", "libopus")


class OggDemuxer(Demuxer):
    """Ogg: every page is guarded and carries its own time, and FFmpeg finds the next one by itself."""

    container = "ogg"

    def rejoin(self) -> None:
        """Times do not go on from the page before."""
        self._drop(self._unread())

    def _unread(self) -> int:
        """Where the page that was read last ends."""
        if not self._given:
            return 0
        segments = self._buffer[_SEGMENTS_AT]
        return _SEGMENTS_AT + 1 + segments + sum(self._buffer[_SEGMENTS_AT + 1 : _SEGMENTS_AT + 1 + segments])

    def _read(self, *, final: bool) -> Iterator[Packet]:
        for _ in range(_PAGE_TRIES):
            yield from self._packets()
            later = _PAGE.search(self._buffer, self._unread() + 1) if self._prefix else None
            if later is None:
                break
            self.times_lost += 1  # FFmpeg waits for the end of a page that is damaged
            self._drop(later.start())
        if len(self._buffer) > MAX_HEADER_BYTES + 2 * _MAX_PAGE_BYTES:
            self._drop(len(self._buffer) - _MAX_PAGE_BYTES)

    def _packets(self) -> Iterator[Packet]:
        found = self._demux(self._prefix)
        if found and not self._prefix:
            self._prefix = bytes(self._buffer[: found[0].pos])
            self._drop(found[0].pos)
            found = self._demux(self._prefix)
        page = -1
        for index, packet in enumerate(found):
            begins, page = packet.pos != page, packet.pos
            if index >= self._given:
                at_samples = None if packet.ticks is None else self._samples(packet.ticks)
                yield Packet(packet.data, at_samples, self._offset + page if begins else None, self._prefix)
        if found:
            self._drop(page)
            self._given = sum(packet.pos == page for packet in found)
