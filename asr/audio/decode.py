"""From the bytes that recorders send to audio on the part's timeline, able to begin again anywhere.

    decoder = StreamDecoder()                      # or StreamDecoder(resume=checkpoint)
    for entry_id, kind, data in entries:           # resuming: from checkpoint.entry_id on, inclusive
        for pcm in decoder.feed(entry_id, kind, data):
            ...
    checkpoint = decoder.checkpoint(committed_ms)

A recorder's times are its container's; a lost blob makes a gap. A new recorder goes on where the last one ended.
Opus needs some packets to converge, so a checkpoint begins a little before the time asked for, and audio comes again.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from asr.audio.checkpoint import Checkpoint, RestartPoints
from asr.audio.demux import Demuxer, OggDemuxer
from asr.audio.opus import Packet
from asr.audio.pcm import RawFormat, RawReader
from asr.audio.samples import SAMPLE_RATE_HZ, SAMPLES_PER_MS
from asr.audio.timeline import OpusDecoder, Pcm, Timeline
from asr.audio.webm import WebmDemuxer

__all__ = ["Checkpoint", "DecoderStats", "Kind", "Pcm", "StreamDecoder", "classify"]

Kind = Literal["head", "more", "join", "pcm", "end"]  # and the kinds of other raw formats (asr/audio/pcm.py)
Problem = Literal["no_header", "format_unknown", "codec_not_opus", "damaged"]

_EBML_MARK, _OGG_MARK, _OGG_BEGIN = b"\x1a\x45\xdf\xa3", b"OggS", 2
_GAP_SAMPLES = 50 * SAMPLES_PER_MS
"""Chromium's times waver by 9 ms; audio is laid end to end until they are off by more than this."""
_ABSURD_SAMPLES = 600 * SAMPLE_RATE_HZ
_ENTRY_S = 600
_ENTRY_SAMPLES = _ENTRY_S * SAMPLE_RATE_HZ
"""No entry may become more audio than this: packets of a few bytes claim up to 120 ms each."""


def classify(data: bytes, *, first_of_socket: bool) -> Kind:
    """What a browser's blob is: a recorder's first one shows itself, any other first one of a socket is a join."""
    if data.startswith(_EBML_MARK) or (data.startswith(_OGG_MARK) and len(data) > 5 and data[5] & _OGG_BEGIN):
        return "head"
    return "join" if first_of_socket else "more"


@dataclass
class DecoderStats:
    """What a stream came to; `bytes_since_audio` growing means that these bytes decode to nothing."""

    bytes_fed: int = 0
    bytes_since_audio: int = 0
    samples_made: int = 0
    packets: int = 0
    packets_bad: int = 0
    packets_refused: int = 0
    times_lost: int = 0


class StreamDecoder:
    """Decodes one part's stream of entries; nothing that is fed raises, memory is bounded."""

    def __init__(self, resume: Checkpoint | None = None) -> None:
        self.stats = DecoderStats()
        self._resume = resume
        self._timeline = Timeline(resume.position_samples, resume.floor_samples) if resume else Timeline()
        self._base = resume.base_samples if resume else None
        self._begun = resume is not None
        self._reader: Demuxer | None = None
        self._opus: OpusDecoder | None = None
        self._problem: Problem | None = None
        self._sniffing = False
        self._raw: RawReader | None = None
        self._raw_from = 0  # where it began, in samples
        self._fed_bytes = 0  # by this reader
        self._extents: deque[tuple[int, str, int]] = deque()  # reader's offset, entry, offset in the entry
        self._points = RestartPoints()
        if resume and resume.prefix:
            self._reader = _new_demuxer(resume.prefix, -len(resume.prefix))
            for _ in self._reader.feed(resume.prefix) if self._reader else ():
                pass

    @property
    def problem(self) -> Problem | None:
        """Why the last bytes gave no audio; None while they do."""
        if not self.stats.bytes_since_audio:
            return None
        if self._problem:
            return self._problem
        if self._reader is not None and self._reader.problem:
            return "codec_not_opus"
        return "no_header" if self._reader is not None and self._reader.head is None else "damaged"

    @property
    def is_between_samples(self) -> bool:
        """False: the last bytes of raw audio end within a sample, whose rest is still to come."""
        return self._raw is None or not self._raw.rest_bytes

    def feed(self, entry_id: str, kind: str, data: bytes) -> list[Pcm]:
        """The audio that is whole with this entry, in order; see `Kind` for the kinds."""
        self.stats.bytes_fed += len(data)
        self.stats.bytes_since_audio += len(data)
        skipped = 0
        if self._resume:
            kind, skipped = self._resumed_kind(self._resume, entry_id, kind)
            self._resume = None
        limit = self._timeline.added_samples + _ENTRY_SAMPLES
        if raw_format := RawFormat.of_kind(kind):
            self._feed_raw(entry_id, raw_format, data, skipped)
        elif kind == "end":
            self._end_run()
        elif kind in ("head", "more", "join"):
            if kind == "head":
                self._finish_recorder()
                self._problem, self._sniffing = None, True
            if self._sniffing and data:
                self._sniffing = False
                self._reader = _new_demuxer(data, 0)
            self._feed_reader(entry_id, data, skipped, rejoin=kind == "join", limit=limit)
        return self._taken()

    def flush(self) -> list[Pcm]:
        """Nothing more comes: everything that is left."""
        self._finish_recorder()
        return self._taken()

    def checkpoint(self, at_ms: int) -> Checkpoint | None:
        """The newest place to begin again that gives all audio from `at_ms` on; None if that is not known any more."""
        return self._points.newest(at_ms)

    @staticmethod
    def _resumed_kind(resume: Checkpoint, entry_id: str, kind: str) -> tuple[str, int]:
        if entry_id == resume.entry_id:
            return (kind if RawFormat.of_kind(kind) else "more"), resume.offset
        return ("join" if kind == "more" else kind), 0

    def _taken(self) -> list[Pcm]:
        pcm = self._timeline.pop()
        if pcm:
            self.stats.samples_made = self._timeline.made_samples
            self.stats.bytes_since_audio = 0
        return pcm

    def _end_run(self) -> None:
        if self._raw is not None:
            self._timeline.add_samples(self._raw.finish())
            self._raw = None
        self._timeline.end_run()

    def _finish_recorder(self) -> None:
        if self._reader is not None:
            self._take_packets(self._reader.finish())
            self.stats.times_lost += self._reader.times_lost
        self._end_run()
        self._reader = self._opus = self._base = None
        self._begun = False
        self._fed_bytes = 0
        self._extents.clear()

    def _feed_raw(self, entry_id: str, raw_format: RawFormat, data: bytes, skipped: int) -> None:
        if self._reader is not None:
            self._finish_recorder()
        if self._raw is None or self._raw.format != raw_format:
            self._end_run()
            self._raw, self._raw_from = RawReader(raw_format), self._timeline.position
        # Decoding begins again with the first sample that is whole in this entry.
        begun = self._raw.rest_bytes
        aligned = self._raw_from + self._raw.fed_samples + (1 if begun else 0)
        offset = skipped + (raw_format.frame_bytes - begun if begun else 0)
        self._points.note(Checkpoint(entry_id, offset, b"", aligned, aligned, None), converged=True)
        longest = _ENTRY_S * raw_format.second_bytes
        self._timeline.add_samples(self._raw.feed(data[skipped : skipped + longest]))

    def _feed_reader(self, entry_id: str, data: bytes, skipped: int, *, rejoin: bool, limit: int) -> None:
        if self._reader is None:
            self._problem = "format_unknown" if _is_foreign(data) else self._problem or "no_header"
            return
        if rejoin:
            self._reader.rejoin()
        self._extents.append((self._fed_bytes, entry_id, skipped))
        self._fed_bytes += len(data) - min(skipped, len(data))
        self._take_packets(self._reader.feed(data[skipped:]), limit=limit)
        while len(self._extents) > 1 and self._extents[1][0] <= self._reader.kept_from:
            self._extents.popleft()

    def _take_packets(self, packets: Iterable[Packet], *, limit: int | None = None) -> None:
        for packet in packets:
            if limit is not None and self._timeline.added_samples > limit:
                self.stats.packets_refused += 1
                continue
            self._take_packet(packet)

    def _take_packet(self, packet: Packet) -> None:
        head = self._reader.head if self._reader is not None else None
        if head is None:
            return
        if self._opus is None:
            self._opus = OpusDecoder(head)
        heard_from = None
        if not self._begun:
            self._begun = True
            heard_from = self._timeline.begin_recorder(head.pre_skip_samples)
        self._place(packet)
        if packet.offset is not None:
            self._note_packet(packet, packet.offset, heard_from)
        bad = self._opus.packets_bad
        for frame in self._opus.decode(packet.data):
            self._timeline.add_frame(frame)
        self.stats.packets += 1
        self.stats.packets_bad += self._opus.packets_bad - bad

    def _place(self, packet: Packet) -> None:
        """Compares the container's time with the samples so far: a gap, a new base, or nothing."""
        if packet.at_samples is None:
            return
        position = self._timeline.position
        if self._base is None:
            self._base = position - packet.at_samples
        off = self._base + packet.at_samples - position
        if abs(off) <= _GAP_SAMPLES:
            return
        if 0 < off <= _ABSURD_SAMPLES:
            self._timeline.leave_gap(off)
        elif packet.sure:
            self._base -= off

    def _note_packet(self, packet: Packet, offset: int, heard_from: int | None) -> None:
        while len(self._extents) > 1 and self._extents[1][0] <= offset:
            self._extents.popleft()
        start, entry_id, skipped = self._extents[0]
        position = self._timeline.position
        floor = position if heard_from is None else heard_from
        point = Checkpoint(entry_id, offset + skipped - start, packet.prefix, position, floor, self._base)
        self._points.note(point, converged=heard_from is not None)


def _new_demuxer(data: bytes, offset: int) -> Demuxer | None:
    if _EBML_MARK.startswith(data[:4]):
        return WebmDemuxer(offset)
    return OggDemuxer(offset) if _OGG_MARK.startswith(data[:4]) else None


def _is_foreign(data: bytes) -> bool:
    """Whether the bytes show themselves as something that recorders do not send here: MP4, WAV, FLAC, MP3, text."""
    return data[4:8] == b"ftyp" or data.startswith((b"RIFF", b"fLaC", b"ID3")) or data[:64].isascii()
