"""A file of sound, in any usual container, as s16le at 16 kHz, mono, in pieces. Strangers send them: what may be opened is listed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from .samples import SAMPLE_RATE_HZ

# Playlists and the like, which name other files or addresses, are none of them.
FORMATS: Final = "aac,aiff,amr,asf,caf,flac,matroska,mov,mp3,mpeg,mpegts,ogg,w64,wav,webm"
PIECE_BYTES: Final = 2 * 2 * SAMPLE_RATE_HZ  # two seconds
DAMAGED_PACKETS: Final = 1000


class NotAudio(Exception):
    """The bytes are no sound in a container that is known."""


class TooLong(Exception):
    """There is more sound in it than was allowed."""


def pcm_pieces(file: BinaryIO, *, longest_s: float) -> Iterator[bytes]:
    """The first audio stream, from its first sample on. Raises NotAudio, TooLong."""
    try:
        options = {"format_whitelist": FORMATS, "protocol_whitelist": "none"}
        with av.open(file, "r", metadata_errors="ignore", options=options) as container:
            yield from _pieces(container, round(longest_s * SAMPLE_RATE_HZ) * 2)
    except (av.FFmpegError, ValueError, UnicodeError, IndexError) as error:
        raise NotAudio from error


def _pieces(container: InputContainer, longest_bytes: int) -> Iterator[bytes]:
    if not container.streams.audio:
        raise NotAudio
    waiting, total_bytes = bytearray(), 0
    for data in _resampled(_frames(container, container.streams.audio[0])):
        waiting += data
        total_bytes += len(data)
        if total_bytes > longest_bytes:
            raise TooLong
        while len(waiting) >= PIECE_BYTES:
            yield bytes(waiting[:PIECE_BYTES])
            del waiting[:PIECE_BYTES]
    if not total_bytes:
        raise NotAudio
    if waiting:
        yield bytes(waiting)


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    damaged = 0
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.InvalidDataError:
            damaged += 1
            if damaged > DAMAGED_PACKETS:
                raise


def _resampled(frames: Iterator[AudioFrame]) -> Iterator[bytes]:
    """A stream may change its rate or its channels on the way."""
    resampler, kind = None, None
    for frame in frames:
        is_now = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or is_now != kind:
            if resampler is not None:
                yield from _bytes(resampler.resample(None))
            resampler, kind = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ), is_now
        frame.pts = None
        yield from _bytes(resampler.resample(frame))
    if resampler is not None:
        yield from _bytes(resampler.resample(None))


def _bytes(frames: list[AudioFrame]) -> Iterator[bytes]:
    return (frame.to_ndarray().tobytes() for frame in frames)
