"""WebM as browsers send it, with blobs missing.

Chromium's blobs end behind the first byte of a block, Firefox's and Safari's with a block; some begin a Cluster with every
blob, some after thirty seconds. FFmpeg goes on at the next Cluster when bytes are missing: what it passes over, and where a
stream goes on behind a loss, is searched for the head of a block of the same track, and read from there. The Cluster's time
may be lost as well: until the next one, a block's time is not sure.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from asr.audio.demux import MAX_HEADER_BYTES, Demuxer
from asr.audio.opus import Packet, packet_samples
from asr.audio.webm_writer import webm_cluster, webm_header

_SIZE = rb"(?:[\x80-\xff]|[\x40-\x7f].|[\x20-\x3f]..|[\x10-\x1f]...|\x08.{4}|\x04.{5}|\x02.{6}|\x01.{7})"
_BLOCK = rb"(?:\xa3|\xa0%b\xa1)(?P<size>%b)(?P<track>%%b)(?P<ticks>..)[\x00-\x0f\x80-\x8f]" % (_SIZE, _SIZE)
_CLUSTER = rb"\x1f\x43\xb6\x75%b(?:\xbf\x84.{4})?\xe7[\x81-\x88]" % _SIZE
_HEAD_BYTES = 24  # no block's head is longer
_LEAD_BYTES = 64  # a Cluster's head and a block's
_FIXED_BYTES = 4  # of a block's payload: track, ticks, flags
_TRIES = 32  # new beginnings in one piece; one that is damaged more often is not heard further
_MAX_BLOCK_BYTES = 16 * 1024  # an Opus packet of 120 ms at 510 kbit/s has 7,650 bytes


@dataclass(frozen=True, slots=True)
class _Block:
    """What one block holds, and where it lies in the buffer; `cluster`: its Cluster's time."""

    start: int
    end: int
    cluster: int
    ticks: int
    frames: list[bytes]

    @property
    def samples(self) -> int:
        return sum(map(packet_samples, self.frames))


class WebmDemuxer(Demuxer):
    """The packets of the first Opus track."""

    container = "matroska"

    def __init__(self, offset: int = 0) -> None:
        super().__init__(offset)
        self._block = self._beginning = re.compile(b"")
        self._cluster: int | None = None
        self._stale = False  # bytes were lost behind that Cluster's time
        self._lost = True
        self._end = 0  # of the last block that was given out
        self._needed = 0  # nothing can be read before the buffer has so many bytes

    def rejoin(self) -> None:
        """What was left unfinished is kept: in Chromium's blobs its first byte fits what comes as well."""
        if self.head is not None or self._read_header(ends=True):
            self._lose(self._end)

    def _read(self, *, final: bool) -> Iterator[Packet]:
        if self.head is None and not self._read_header(ends=len(self._buffer) > _MAX_BLOCK_BYTES):
            return
        for _ in range(_TRIES):
            if (len(self._buffer) < self._needed and not final) or (self._lost and not self._search()):
                return
            blocks, gap = self._without_gap(self._blocks(), final=final)
            if gap is None and not final and self._is_doubtful(blocks):
                if len(self._buffer) < blocks[0].end + _LEAD_BYTES:
                    return
                gap, blocks = blocks[0].start + 1, []
            yield from self._packets(blocks)
            if gap is None:
                break
            self.times_lost += 1
            self._lose(gap - (blocks[-1].start if blocks else 0))
        if len(self._buffer) - self._end > 2 * _MAX_BLOCK_BYTES:
            self._lose(len(self._buffer) - _HEAD_BYTES)

    def _read_header(self, *, ends: bool) -> bool:
        """Whether the header is there: a Cluster follows, or would if it `ends` here."""
        self._demux(b"", suffix=webm_cluster(0) if ends else b"")
        if self.head is None:
            if len(self._buffer) > MAX_HEADER_BYTES:
                self._drop(len(self._buffer))
            return False
        named = self._buffer.rfind(b"\xd7\x81", 0, max(0, self._buffer.find(b"A_OPUS")))
        track = self._buffer[named + 2] & 0x7F if named >= 0 else 1
        block = _BLOCK % re.escape(bytes((0x80 | track,)))
        self._block = re.compile(block, re.DOTALL)
        self._beginning = re.compile(block + b"|" + _CLUSTER, re.DOTALL)
        self._prefix = webm_header(self.head.raw, track=track, scale_ns=int(self._tick_s * 1_000_000_000))
        return True

    def _lose(self, pos: int) -> None:
        """What lies before a position is done with; behind it a place to begin is searched for."""
        self._drop(pos)
        self._lost = self._stale = True
        self._end = self._needed = 0

    def _search(self) -> bool:
        found = self._beginning.search(self._buffer)
        self._drop(found.start() if found else max(0, len(self._buffer) - _HEAD_BYTES))
        self._lost = found is None
        return not self._lost

    def _blocks(self) -> list[_Block]:
        """The blocks that FFmpeg reads in the buffer."""
        blocks = []
        packets = self._demux(self._prefix + webm_cluster(self._cluster or 0))
        for pos, group in groupby(packets, key=lambda packet: packet.pos):
            found = list(group)
            if head := self._head_before(pos + _FIXED_BYTES):
                ticks = int.from_bytes(head["ticks"], "big", signed=True)
                cluster = ((found[0].ticks or 0) - ticks) % (1 << 64)
                blocks.append(_Block(head.start(), _end(head), cluster, ticks, [each.data for each in found]))
        return blocks

    def _head_before(self, pos: int) -> re.Match[bytes] | None:
        heads = (
            self._block.match(self._buffer, start, pos) for start in range(max(0, pos - _HEAD_BYTES), pos)
        )
        return next((head for head in heads if head and head.end() == pos), None)

    def _without_gap(self, blocks: list[_Block], *, final: bool) -> tuple[list[_Block], int | None]:
        """The blocks before the first one that FFmpeg passed over, and where that begins."""
        end = 0
        for index, block in enumerate(blocks):
            if (gap := self._passed(end, block.start)) is not None:
                return self._without_cause(blocks[:index], gap)
            end = block.end
        begun = self._block.search(self._buffer, end, end + _LEAD_BYTES)
        self._needed = _end(begun) if begun else 0
        if len(self._buffer) < self._needed <= end + _MAX_BLOCK_BYTES and not final:
            return blocks, None
        self._needed = 0
        gap = self._passed(end, len(self._buffer))
        return (blocks, None) if gap is None else self._without_cause(blocks, gap)

    def _without_cause(self, blocks: list[_Block], gap: int) -> tuple[list[_Block], int]:
        """Blocks are passed over behind one with a false size, which hides some, or one whose end is another's."""
        if len(blocks) <= self._given:
            return blocks, gap
        hidden = self._passed(blocks[-1].start + 1, gap)
        spliced = self._stale and len(blocks) == 1
        return (blocks, gap) if hidden is None and not spliced else (blocks[:-1], hidden or gap)

    def _is_doubtful(self, blocks: list[_Block]) -> bool:
        """Behind a loss, a first block is believed when something follows it."""
        first = self._stale and len(blocks) == 1 and not self._given
        return first and not self._beginning.match(self._buffer, blocks[0].end)

    def _passed(self, begin: int, end: int) -> int | None:
        """Where a whole block begins between two positions; one at the buffer's very beginning was tried."""
        heads = self._block.finditer(self._buffer, begin or 1, end)
        return next((head.start() for head in heads if head.end() < _end(head) <= end), None)

    def _packets(self, blocks: list[_Block]) -> Iterator[Packet]:
        stale = self._cluster or 0 if self._stale else None
        sure_from = next((at for at, block in enumerate(blocks) if block.cluster != stale), len(blocks))
        for index, block in enumerate(blocks[self._given :], self._given):
            at_samples, sure = self._time(blocks, index, sure_from)
            place = self._offset + block.start if index >= sure_from else None
            prefix = self._prefix + webm_cluster(block.cluster)
            yield Packet(block.frames[0], at_samples, place, prefix, sure=sure)
            yield from (Packet(frame, None) for frame in block.frames[1:])
        if blocks:
            last = blocks[-1]
            if sure_from < len(blocks):
                self._cluster, self._stale = last.cluster, False
            self._drop(last.start)
            self._end, self._given = last.end - last.start, 1
            self._needed = max(0, self._needed - last.start)

    def _time(self, blocks: list[_Block], index: int, sure_from: int) -> tuple[int | None, bool]:
        """A block's time, and whether it is sure; what came just before a new Cluster ends where that begins."""
        timed = blocks[min(max(index, sure_from), len(blocks) - 1)]
        at_samples = self._samples(timed.cluster + timed.ticks)
        if sure_from < len(blocks):
            return at_samples - sum(block.samples for block in blocks[index:sure_from]), True
        return (
            None if self._cluster is None else self._samples(blocks[index].cluster + blocks[index].ticks)
        ), False


def _end(head: re.Match[bytes]) -> int:
    """Where the block ends whose head this is."""
    size = head["size"]
    return head.start("track") + int.from_bytes(size, "big") - (1 << 7 * len(size))
