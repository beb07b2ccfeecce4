"""Opus packets out of a WebM byte stream that may be cut, damaged or entered anywhere.

The walk is flat: identifiers are unique in WebM, so a master is entered by reading past its head, and neither sizes of
masters nor depth matter. What does not look right makes the walk lost; it goes on at the next place where two elements
follow each other. A browser's blobs begin in the middle of an element (Chromium cuts each behind the first byte of a
SimpleBlock), so after a loss the search begins with the element that was left unfinished: its first byte fits the blob
that comes now as well as the one that was lost.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from asr.audio import ebml
from asr.audio.ebml import DamagedError
from asr.audio.opus import OpusHead, Packet, packet_samples
from asr.audio.samples import SAMPLE_RATE_HZ
from asr.audio.webm_writer import webm_cluster, webm_header

_MAX_BLOCK_BYTES = 16 * 1024  # an Opus packet of 120 ms at 510 kbit/s has 7,650 bytes
_MAX_HEADER_BYTES = 64 * 1024
_SLICE_BYTES = 64 * 1024
_HELD_PACKETS = 10
"""After a loss so many packets wait for a Cluster to tell their time; Chromium begins one with every blob."""

_MASTERS = {ebml.SEGMENT, ebml.CLUSTER, ebml.BLOCK_GROUP}
_BLOCKS = {ebml.SIMPLE_BLOCK, ebml.BLOCK}
_LEAVES = {
    **dict.fromkeys((ebml.EBML, ebml.INFO, ebml.TRACKS), _MAX_HEADER_BYTES),
    **dict.fromkeys(
        (0x114D9B74, 0x1C53BB6B, 0x1254C367, 0x1043A770, 0x1941A469), _MAX_HEADER_BYTES
    ),  # seek … files
    **dict.fromkeys((0xEC, 0x75A1, 0xA4, 0xAF, 0x5854), _MAX_BLOCK_BYTES),  # void, additions and the like
    **dict.fromkeys(_BLOCKS, _MAX_BLOCK_BYTES),
    **dict.fromkeys(
        (ebml.TIMESTAMP, 0xA7, 0xAB, 0x9B, 0xFB, 0xFA, 0x75A2, 0xBF), 8
    ),  # position, durations, CRC
}
_CANDIDATE = re.compile(rb"[\xa3\xa0]|\x1f\x43\xb6\x75|\x1a\x45\xdf\xa3")
_CHAIN = 2


@dataclass(frozen=True, slots=True)
class _Element:
    identifier: int
    start: int
    body: int
    size: int

    @property
    def end(self) -> int:
        return self.body if self.identifier in _MASTERS else self.body + self.size


class WebmReader:
    """Feed it bytes in any pieces; it yields the packets of the first Opus track."""

    def __init__(self, offset: int = 0) -> None:
        self.head: OpusHead | None = None
        self.problem: str | None = None
        self.times_lost = 0
        self._buffer = bytearray()
        self._offset = offset  # of the buffer's first byte
        self._pos = 0  # of what is read next
        self._last = 0  # of what was read last: it is searched again if what follows is damaged
        self._lost = False
        self._track: int | None = None
        self._tracks: set[int] = set()
        self._scale_ns = 1_000_000
        self._cluster: int | None = None
        self._time_known = True
        self._rebase = False
        self._held: list[bytes] | None = None

    @property
    def kept_from(self) -> int:
        """No packet that is still to come begins before this offset."""
        return self._offset

    def feed(self, data: bytes) -> Iterator[Packet]:
        """The packets that are whole with these bytes."""
        for start in range(0, len(data), _SLICE_BYTES):
            self._buffer += data[start : start + _SLICE_BYTES]
            yield from self._walk(final=False)

    def rejoin(self) -> Iterator[Packet]:
        """Bytes may be missing between what was fed and what comes now."""
        yield from self._release()
        self._lose(self._pos)

    def finish(self) -> Iterator[Packet]:
        """Nothing more comes: what waited for more is given out."""
        yield from self._walk(final=True)
        while not self._lost and self._pos < len(self._buffer):  # an element that claims more than came
            self._lose(self._pos + 1)
            yield from self._walk(final=True)
        yield from self._release()

    def _walk(self, *, final: bool) -> Iterator[Packet]:
        while not self._lost or self._search(final=final):
            try:
                element = self._element(self._pos)
            except DamagedError:
                self.times_lost += 1
                self._lose(self._last + 1)
                continue
            if element is None or element.end > len(self._buffer):
                break
            self._last, self._pos = self._pos, element.end
            yield from self._take(element, bytes(self._buffer[element.body : element.end]))
        kept = min(self._last, self._pos)
        del self._buffer[:kept]
        self._offset += kept
        self._pos -= kept
        self._last -= kept

    def _lose(self, pos: int) -> None:
        self._lost = True
        self._pos = pos

    def _search(self, *, final: bool) -> bool:
        """Goes to the next place that looks right; False if that needs more bytes."""
        while match := _CANDIDATE.search(self._buffer, self._pos):
            self._pos = self._last = match.start()
            likely = self._likely(self._pos, final=final)
            if likely is None:
                return False
            if likely:
                self._lost = self._time_known = False
                self._held = self._held or []
                return True
            self._pos += 1
        self._pos = max(self._pos, len(self._buffer) - 3)
        self._last = self._pos
        return False

    def _likely(self, pos: int, *, final: bool) -> bool | None:
        for step in range(_CHAIN):
            try:
                element = self._element(pos)
            except DamagedError:
                return False
            if element is None:
                whole = step > 0 and pos <= len(self._buffer)
                return whole if final else None
            pos = element.end
        return True

    def _element(self, pos: int) -> _Element | None:
        """The element at a position; None if its head is not all there; raises DamagedError if it is none."""
        identifier = ebml.read_id(self._buffer, pos)
        if identifier is None:
            return None
        if identifier[0] not in _MASTERS and identifier[0] not in _LEAVES:
            raise DamagedError("unknown element")
        read = ebml.read_size(self._buffer, identifier[1])
        if read is None:
            return None
        size, body = read
        if identifier[0] in _MASTERS:
            return _Element(identifier[0], pos, body, 0)
        if size is None or size > _LEAVES[identifier[0]]:
            raise DamagedError("a size that cannot be")
        if identifier[0] in _BLOCKS and not self._block_begins(body, size):
            return None
        return _Element(identifier[0], pos, body, size)

    def _block_begins(self, body: int, size: int) -> bool:
        """Whether a block's own head is there; raises DamagedError if it is none."""
        if size < 4:
            raise DamagedError("a block without room for its head")
        if len(self._buffer) < body + 4:
            return False
        track = self._buffer[body] & 0x7F
        if self._buffer[body] < 0x80 or (self._tracks and track not in self._tracks):
            raise DamagedError("a block of no track")
        if self._buffer[body + 3] & 0x70:
            raise DamagedError("reserved flags of a block are set")
        return True

    def _take(self, element: _Element, payload: bytes) -> Iterator[Packet]:
        if element.identifier == ebml.CLUSTER:
            self._cluster = None
        elif element.identifier == ebml.TIMESTAMP:
            yield from self._tell_time(ebml.unsigned(payload))
        elif element.identifier == ebml.INFO:
            scale = dict(ebml.children(payload)).get(ebml.TIMESTAMP_SCALE, b"")
            self._scale_ns = min(ebml.unsigned(scale), 1_000_000_000) or 1_000_000
        elif element.identifier == ebml.TRACKS:
            self._read_tracks(payload)
        elif element.identifier in _BLOCKS:
            yield from self._read_block(element, payload)

    def _tell_time(self, cluster: int) -> Iterator[Packet]:
        self._cluster = cluster
        if self._time_known:
            return
        self._time_known = True
        held, self._held = self._held or [], None
        at_samples = self._samples(cluster) - sum(map(packet_samples, held))
        for data in held:
            yield Packet(data, at_samples, rebase=self._rebase)
            self._rebase = False
            at_samples += packet_samples(data)

    def _release(self) -> Iterator[Packet]:
        """Packets that waited for their time go without."""
        held, self._held = self._held or [], None
        for data in held:
            self._rebase = True
            yield Packet(data, None)

    def _read_block(self, element: _Element, payload: bytes) -> Iterator[Packet]:
        if self.head is None or self._track is None or payload[0] & 0x7F != self._track:
            return
        try:
            frames = [frame for frame in ebml.laced_frames(payload[3], payload[4:]) if frame]
        except DamagedError:
            self.times_lost += 1
            return
        if not frames:
            return
        if self._time_known and self._cluster is not None:
            ticks = self._cluster + int.from_bytes(payload[1:3], "big", signed=True)
            offset = self._offset + element.start
            header = webm_header(self.head.raw, track=self._track, scale_ns=self._scale_ns)
            prefix = header + webm_cluster(self._cluster)
            yield Packet(frames[0], self._samples(ticks), offset, prefix, self._rebase)
            yield from (Packet(frame, None) for frame in frames[1:])
            self._rebase = False
        elif self._held is not None:
            self._held += frames
            if len(self._held) >= _HELD_PACKETS:
                yield from self._release()
        else:
            self._rebase = True
            yield from (Packet(frame, None) for frame in frames)

    def _samples(self, ticks: int) -> int:
        return ticks * self._scale_ns * SAMPLE_RATE_HZ // 1_000_000_000

    def _read_tracks(self, payload: bytes) -> None:
        entries = [
            dict(ebml.children(entry)) for name, entry in ebml.children(payload) if name == ebml.TRACK_ENTRY
        ]
        self._tracks = {ebml.unsigned(entry.get(ebml.TRACK_NUMBER, b"")) for entry in entries}
        for entry in entries:
            if entry.get(ebml.CODEC_ID, b"").rstrip(b"\0") == b"A_OPUS":
                self._track = ebml.unsigned(entry.get(ebml.TRACK_NUMBER, b""))
                self.head = OpusHead.parse(entry.get(ebml.CODEC_PRIVATE, b""))
                self.problem = None
                return
        self.problem = "codec_not_opus"
