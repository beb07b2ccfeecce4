"""Opus packets out of an Ogg byte stream that may be cut, damaged or entered anywhere (RFC 3533, RFC 7845).

Ogg needs little help: every page begins with a mark, is guarded by a CRC and carries its own time.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from asr.audio.opus import OpusHead, Packet, packet_samples

_MARK = b"OggS"
_HEAD_BYTES = 27
_MAX_PACKET_BYTES = 64 * 1024
_SLICE_BYTES = 64 * 1024
_CONTINUED, _BEGIN, _END = 1, 2, 4
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True, slots=True)
class _Page:
    flags: int
    granule: int
    serial: int
    sequence: int
    packets: list[bytes]
    open_end: bool  # the last packet goes on in the next page


class OggReader:
    """Feed it bytes in any pieces; it yields the packets of the Opus stream that begins with the first header."""

    def __init__(self, offset: int = 0) -> None:
        self.head: OpusHead | None = None
        self.problem: str | None = None
        self.times_lost = 0
        self._buffer = bytearray()
        self._offset = offset
        self._serial = 0
        self._next_sequence: int | None = None
        self._unfinished: bytes | None = None

    @property
    def kept_from(self) -> int:
        """No packet that is still to come begins before this offset."""
        return self._offset

    def feed(self, data: bytes) -> Iterator[Packet]:
        """The packets that are whole with these bytes."""
        for start in range(0, len(data), _SLICE_BYTES):
            self._buffer += data[start : start + _SLICE_BYTES]
            yield from self._walk()

    def rejoin(self) -> Iterator[Packet]:
        """Bytes may be missing here; pages find themselves again."""
        yield from ()

    def finish(self) -> Iterator[Packet]:
        """Nothing more comes; a page that is not whole is lost."""
        yield from ()

    def _walk(self) -> Iterator[Packet]:
        pos = 0
        while (found := self._buffer.find(_MARK, pos)) >= 0:
            pos = found
            data = self._page(pos)
            if data is None:
                if not (later := self._later_page(pos)):
                    break
                self.times_lost += 1
                pos = later
            elif data:
                yield from self._take(_read_page(data), self._offset + pos)
                pos += len(data)
            else:
                self.times_lost += 1
                pos += len(_MARK)
        else:
            pos = max(pos, len(self._buffer) - len(_MARK) + 1)
        del self._buffer[:pos]
        self._offset += pos

    def _later_page(self, pos: int) -> int | None:
        """Where a whole page begins behind one that waits for more: then that one is damaged."""
        while (pos := self._buffer.find(_MARK, pos + len(_MARK))) >= 0:
            if self._page(pos):
                return pos
        return None

    def _page(self, pos: int) -> bytes | None:
        """A page that is as it was sent, nothing if it is not; None if it is not all there."""
        length = self._page_bytes(pos)
        if length is None:
            return None
        data = bytes(self._buffer[pos : pos + length])
        intact = length > 0 and ogg_crc(data) == struct.unpack_from("<I", data, 22)[0]
        return data if intact else b""

    def _page_bytes(self, pos: int) -> int | None:
        """A page's length, 0 if it is none; None if it is not all there."""
        if len(self._buffer) < pos + _HEAD_BYTES:
            return None
        if self._buffer[pos + 4] != 0:
            return 0
        segments = self._buffer[pos + _HEAD_BYTES - 1]
        if len(self._buffer) < pos + _HEAD_BYTES + segments:
            return None
        sizes = self._buffer[pos + _HEAD_BYTES : pos + _HEAD_BYTES + segments]
        length = _HEAD_BYTES + segments + sum(sizes)
        return length if len(self._buffer) >= pos + length else None

    def _take(self, page: _Page, offset: int) -> Iterator[Packet]:
        if page.flags & _BEGIN and page.packets and self.head is None:
            self._begin(page)
            return
        if self.head is None or page.serial != self._serial:
            return
        packets = self._join(page)
        self._next_sequence = page.sequence + 1 & 0xFFFFFFFF
        packets = [
            packet for packet in packets if packet and not packet.startswith((b"OpusTags", b"OpusHead"))
        ]
        timed = page.granule >= 0 and not page.flags & _END
        at_samples = page.granule // 3 - sum(map(packet_samples, packets)) if timed else None
        begins = None if page.flags & _CONTINUED else offset
        prefix = ogg_page([self.head.raw], serial=self._serial, sequence=0, granule=0, flags=_BEGIN)
        for index, packet in enumerate(packets):
            if index == 0:
                yield Packet(packet, at_samples, begins, prefix)
            else:
                yield Packet(packet, None)

    def _begin(self, page: _Page) -> None:
        if not page.packets[0].startswith(b"OpusHead"):
            self.problem = "codec_not_opus"
            return
        self.problem = None
        self.head = OpusHead.parse(page.packets[0])
        self._serial = page.serial
        self._next_sequence = page.sequence + 1 & 0xFFFFFFFF

    def _join(self, page: _Page) -> list[bytes]:
        """The packets that end in a page; what is left open waits for the next one."""
        packets = list(page.packets)
        follows = page.sequence == self._next_sequence
        if page.flags & _CONTINUED and packets:
            whole = self._unfinished is not None and follows
            packets[0] = (self._unfinished or b"") + packets[0] if whole else b""
        self._unfinished = None
        if page.open_end and packets:
            opened = packets.pop()
            lost = not packets and page.flags & _CONTINUED and not opened
            self._unfinished = None if lost or len(opened) > _MAX_PACKET_BYTES else opened
        return packets


def _read_page(data: bytes) -> _Page:
    flags, granule, serial, sequence = struct.unpack_from("<BqII", data, 5)
    segments = data[_HEAD_BYTES - 1]
    packets, pos, size = [], _HEAD_BYTES + segments, 0
    sizes = data[_HEAD_BYTES : _HEAD_BYTES + segments]
    for index, part in enumerate(sizes):
        size += part
        if part < 255 or index == segments - 1:
            packets.append(data[pos : pos + size])
            pos += size
            size = 0
    return _Page(flags, granule, serial, sequence, packets, bool(sizes) and sizes[-1] == 255)


def ogg_crc(page: bytes) -> int:
    """A page's checksum, its own field counted as zero: zlib's polynomial with the bits the other way round."""
    zeroed = page[:22] + b"\0\0\0\0" + page[26:]
    crc = zlib.crc32(zeroed.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2)


def ogg_page(packets: list[bytes], *, serial: int, sequence: int, granule: int, flags: int = 0) -> bytes:
    """A page of whole packets (at most 255 segments)."""
    sizes = b"".join(b"\xff" * (len(packet) // 255) + bytes((len(packet) % 255,)) for packet in packets)
    fixed = struct.pack("<4sBBqIIIB", _MARK, 0, flags, granule, serial, sequence, 0, len(sizes))
    page = fixed + sizes + b"".join(packets)
    return page[:22] + struct.pack("<I", ogg_crc(page)) + page[26:]
