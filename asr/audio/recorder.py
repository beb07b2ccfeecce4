"""Any audio that PyAV reads, as the blobs that a browser's recorder would send."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from asr.audio.opus import packet_samples
from asr.audio.samples import SAMPLE_RATE_HZ, SAMPLES_PER_MS
from asr.audio.webm_writer import webm_block, webm_cluster, webm_header

__all__ = ["Blob", "Format", "NotAudioError", "read_audio", "record"]

Format = Literal["webm", "pcm"]
Source = str | Path | IO[bytes]

_OPUS_RATE_HZ = 48_000
_OPUS_OPTIONS = {"frame_duration": "60", "application": "voip", "vbr": "on"}
_CLUSTER_MS = 240  # Chromium begins a Cluster with every blob: after a loss, time is known again at once


class NotAudioError(ValueError):
    """The source cannot be opened or holds no audio; the message says why."""


@dataclass(frozen=True, slots=True)
class Blob:
    """What a recorder hands over at once; due `end_ms` after its start."""

    start_ms: int
    end_ms: int
    data: bytes


def read_audio(source: Source, *, rate_hz: int, container: str | None = None) -> Iterator[AudioFrame]:
    """Mono s16 frames of a file, an open binary stream or, with its container named (alsa, pulse), a device.

    Raises NotAudioError. A file that breaks off in the middle ends there.
    """
    resampler = AudioResampler(format="s16", layout="mono", rate=rate_hz)
    name = source if not isinstance(source, Path) else str(source)
    try:
        opened = av.open(name, "r", format=container)
    except (av.FFmpegError, ValueError) as error:
        raise NotAudioError(f"cannot be read as audio: {error}") from error
    with opened:
        if not opened.streams.audio:
            raise NotAudioError("holds no audio")
        frames = opened.decode(opened.streams.audio[0])
        while True:
            try:
                frame = next(frames, None)
            except av.FFmpegError:
                frame = None
            if frame is not None:
                frame.pts = None
            yield from resampler.resample(frame)
            if frame is None:
                return


def record(
    frames: Iterator[AudioFrame], *, blob_ms: int = 250, audio_format: Format = "webm", bit_rate: int = 48_000
) -> Iterator[Blob]:
    """Blobs of about `blob_ms`; frames must be mono s16 at the rate that `rate_of(audio_format)` names."""
    pieces = _webm_pieces(frames, bit_rate) if audio_format == "webm" else _pcm_pieces(frames)
    start_ms, end_ms, waiting = 0, 0, bytearray()
    for end_ms, data in pieces:
        waiting += data
        if end_ms - start_ms >= blob_ms:
            yield Blob(start_ms, end_ms, bytes(waiting))
            start_ms, waiting = end_ms, bytearray()
    if waiting:
        yield Blob(start_ms, end_ms, bytes(waiting))


def rate_of(audio_format: Format) -> int:
    """The rate that a format is recorded at."""
    return _OPUS_RATE_HZ if audio_format == "webm" else SAMPLE_RATE_HZ


def record_file(
    source: Source, *, audio_format: Format = "webm", blob_ms: int = 250, container: str | None = None
) -> Iterator[Blob]:
    """`read_audio` and `record` in one."""
    frames = read_audio(source, rate_hz=rate_of(audio_format), container=container)
    return record(frames, blob_ms=blob_ms, audio_format=audio_format)


def _pcm_pieces(frames: Iterator[AudioFrame]) -> Iterator[tuple[int, bytes]]:
    """Pieces of 50 ms, the last one shorter, each with the time it ends at."""
    waiting, sent = bytearray(), 0
    size = 50 * SAMPLES_PER_MS * 2
    for frame in frames:
        waiting += frame.to_ndarray().astype("<i2").tobytes()
        while len(waiting) >= size:
            sent += size
            yield sent // 2 // SAMPLES_PER_MS, bytes(waiting[:size])
            del waiting[:size]
    if waiting:
        yield (sent + len(waiting)) // 2 // SAMPLES_PER_MS, bytes(waiting)


def _webm_pieces(frames: Iterator[AudioFrame], bit_rate: int) -> Iterator[tuple[int, bytes]]:
    """The header and the first packet, then one packet at a time, each with the time it ends at."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = _OPUS_RATE_HZ, "mono", "s16"
    encoder.bit_rate, encoder.options = bit_rate, _OPUS_OPTIONS
    encoder.open()
    header: bytes = webm_header(encoder.extradata or b"")
    at_ms, cluster_ms = 0, -_CLUSTER_MS
    for packet in _packets(encoder, frames):
        data = header
        header = b""
        if at_ms - cluster_ms >= _CLUSTER_MS:
            cluster_ms = at_ms
            data += webm_cluster(cluster_ms)
        data += webm_block(at_ms - cluster_ms, packet)
        at_ms += packet_samples(packet) // SAMPLES_PER_MS
        yield at_ms, data


def _packets(encoder: av.AudioCodecContext, frames: Iterator[AudioFrame]) -> Iterator[bytes]:
    """Whole packets; the last one is filled up with silence."""
    size = encoder.frame_size
    waiting = np.empty(0, np.int16)
    for frame in frames:
        waiting = np.concatenate((waiting, frame.to_ndarray()[0]))
        while len(waiting) >= size:
            yield from _encoded(encoder, waiting[:size])
            waiting = waiting[size:]
    if len(waiting):
        yield from _encoded(encoder, np.pad(waiting, (0, size - len(waiting))))
    for packet in encoder.encode(None):
        yield bytes(packet)


def _encoded(
    encoder: av.AudioCodecContext, samples: np.ndarray[tuple[int], np.dtype[np.int16]]
) -> Iterator[bytes]:
    frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = encoder.sample_rate
    for packet in encoder.encode(frame):
        yield bytes(packet)
