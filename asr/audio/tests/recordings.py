"""Streams for the decoder's tests: what Chromium recorded, what our own recorder makes, what ffmpeg's muxers make."""

import io
import json
import wave
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from asr.audio.decode import Pcm, StreamDecoder
from asr.audio.recorder import record_file

DATA = Path(__file__).parent / "data"
Entry = tuple[str, str, bytes]
Sound = NDArray[np.float32]


@cache
def chromium_blobs(name: str) -> tuple[bytes, ...]:
    """The messages that the browser sent, one by one."""
    data, blobs, pos = (DATA / f"{name}.webm").read_bytes(), [], 0
    for size in json.loads((DATA / f"{name}.json").read_text())["sizes"]:
        blobs.append(data[pos : pos + size])
        pos += size
    return tuple(blobs)


def second_socket_at(name: str) -> int:
    """The index of the first blob of the second socket."""
    return int(json.loads((DATA / f"{name}.json").read_text())["second_socket_at"])


def entries(
    blobs: Sequence[bytes], *, joins: Iterable[int] = (), first: str = "head", start: int = 0
) -> list[Entry]:
    """Blobs as the audio log gives them back."""
    joins = set(joins)
    kinds = [first if index == 0 else "join" if index in joins else "more" for index in range(len(blobs))]
    return [
        (f"{start + index}-0", kind, blob)
        for index, (kind, blob) in enumerate(zip(kinds, blobs, strict=True))
    ]


def decode(stream: Iterable[Entry], decoder: StreamDecoder | None = None) -> list[Pcm]:
    """All audio of a stream."""
    decoder = decoder or StreamDecoder()
    pcm = [piece for entry in stream for piece in decoder.feed(*entry)]
    return pcm + decoder.flush()


def spread(pcm: Iterable[Pcm]) -> Sound:
    """Audio where it belongs in time, silence where there is none; fails if it ever goes back."""
    pieces, end = [], 0
    for piece in pcm:
        start = piece.start_ms * 16
        assert start >= end, "audio goes back in time"
        pieces += [np.zeros(start - end, np.float32), piece.samples]
        end = start + len(piece.samples)
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def gaps(pcm: Iterable[Pcm]) -> list[tuple[int, int]]:
    """The stretches without audio, in ms."""
    found, end = [], 0
    for piece in pcm:
        if piece.start_ms * 16 > end + 16:
            found.append((end // 16, piece.start_ms))
        end = piece.start_ms * 16 + len(piece.samples)
    return found


def tones(seconds: float, rate_hz: int = 16_000) -> Sound:
    """A sweep with a beat: every place in it sounds different."""
    at = np.arange(int(seconds * rate_hz)) / rate_hz
    wave = np.sin(2 * np.pi * (200 + 60 * at) * at) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * at))
    return (0.5 * wave).astype(np.float32)


def as_wav(sound: Sound, *, channels: int = 1, rate_hz: int = 16_000) -> io.BytesIO:
    """A WAV file in memory."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes((np.repeat(sound, channels) * 32767).astype("<i2").tobytes())
    file.seek(0)
    return file


@cache
def recorded_tones(seconds: float = 3.0) -> tuple[bytes, ...]:
    """The sweep as our own recorder sends it."""
    return tuple(blob.data for blob in record_file(as_wav(tones(seconds))))


@cache
def muxed_tones(container: str, *, seconds: float = 3.0, layout: str = "mono") -> bytes:
    """The sweep as ffmpeg's muxer writes it (`webm` or `ogg`), whole."""
    file = io.BytesIO()
    options = {"page_duration": "200000"} if container == "ogg" else {}
    with av.open(file, "w", format=container, options=options) as out:
        stream = out.add_stream("libopus", rate=48_000, layout=layout)
        with av.open(as_wav(tones(seconds), channels=2 if layout == "stereo" else 1)) as source:
            for frame in source.decode(audio=0):
                frame.pts = None
                out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def alike(one: Sound, other: Sound, *, within_ms: int = 0) -> float:
    """The best correlation of two pieces of audio when one is shifted a little against the other."""
    edge = within_ms * 16
    count = min(len(one), len(other)) - edge
    middle = one[edge:count]
    shifted = (other[edge + lag : count + lag] for lag in range(-edge, edge + 1))
    return max(float(np.corrcoef(middle, piece)[0, 1]) for piece in shifted)
