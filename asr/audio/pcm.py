"""Raw PCM of the usual encodings and rates, as mono float32 at 16 kHz."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Self, cast

import numpy as np
import numpy.typing as npt
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.codec import CodecContext
from av.packet import Packet

from .samples import SAMPLE_RATE_HZ, Samples

RATES_HZ = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
MAX_CHANNELS = 8
_PREFIX = "pcm"
_DTYPES = {"s16le": "<i2", "f32le": "<f4", "mulaw": "u1", "alaw": "u1"}

Encoding = Literal["s16le", "f32le", "mulaw", "alaw"]  # the last two are G.711


@dataclass(frozen=True, slots=True)
class RawFormat:
    """What raw bytes are; `kind` names it in an entry of the audio log, so that every entry says what it is.

    Raises ValueError for what is not supported.
    """

    encoding: Encoding = "s16le"
    rate_hz: int = SAMPLE_RATE_HZ
    channels: int = 1

    def __post_init__(self) -> None:
        if self.encoding not in _DTYPES:
            raise ValueError(f"encoding {self.encoding!r} is not supported")
        if self.rate_hz not in RATES_HZ:
            raise ValueError(f"{self.rate_hz} Hz is not supported")
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise ValueError(f"{self.channels} channels are not supported")

    @property
    def kind(self) -> str:
        """`pcm` for s16le, mono, 16 kHz; else `pcm/encoding/rate/channels`."""
        if self == RawFormat():
            return _PREFIX
        return f"{_PREFIX}/{self.encoding}/{self.rate_hz}/{self.channels}"

    @classmethod
    def of_kind(cls, kind: str) -> Self | None:
        """The format that an entry's kind names; None where it names none."""
        if kind == _PREFIX:
            return cls()
        prefix, _, rest = kind.partition("/")
        fields = rest.split("/")
        if prefix != _PREFIX or len(fields) != 3 or not (fields[1].isdecimal() and fields[2].isdecimal()):
            return None
        try:
            return cls(fields[0], int(fields[1]), int(fields[2]))  # type: ignore[arg-type]
        except ValueError:
            return None

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return np.dtype(_DTYPES[self.encoding]).itemsize * self.channels

    @property
    def second_bytes(self) -> int:
        """Bytes of a second."""
        return self.frame_bytes * self.rate_hz


class RawReader:
    """Bytes of one format in, cut anywhere; samples out. Values that are no numbers are silence."""

    def __init__(self, raw_format: RawFormat) -> None:
        self.format = raw_format
        self._rest = b""
        self._frames = 0
        self._resampler: AudioResampler | None = None
        if raw_format.rate_hz != SAMPLE_RATE_HZ:
            self._resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)

    @property
    def rest_bytes(self) -> int:
        """Bytes of a sample that is not whole yet."""
        return len(self._rest)

    @property
    def fed_samples(self) -> int:
        """So long is what was fed, in samples of 16 kHz, those included that the resampler keeps."""
        return self._frames * SAMPLE_RATE_HZ // self.format.rate_hz

    def feed(self, data: bytes) -> Samples:
        """The samples that are whole with these bytes; the resampler may keep a few for later."""
        data = self._rest + data
        whole = len(data) // self.format.frame_bytes * self.format.frame_bytes
        self._rest = data[whole:]
        self._frames += whole // self.format.frame_bytes
        return self._resampled(self._mono(data[:whole]))

    def finish(self) -> Samples:
        """What the resampler kept; a sample that is not whole is dropped."""
        self._rest = b""
        return self._joined(self._resampler.resample(None)) if self._resampler else np.empty(0, np.float32)

    def _mono(self, data: bytes) -> Samples:
        encoding = self.format.encoding
        raw = np.frombuffer(data, _DTYPES[encoding])
        if encoding == "mulaw" or encoding == "alaw":
            raw = _g711(encoding)[raw]
        values = raw.astype(np.float32)
        if encoding != "f32le":
            values /= np.float32(32768)
        else:
            values = np.clip(np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0), -1.0, 1.0)
        if self.format.channels > 1:
            values = values.reshape(-1, self.format.channels).mean(axis=1, dtype=np.float32)
        return values

    def _resampled(self, samples: Samples) -> Samples:
        if self._resampler is None or not len(samples):
            return samples
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout="mono")
        frame.sample_rate = self.format.rate_hz
        return self._joined(self._resampler.resample(frame))

    @staticmethod
    def _joined(frames: list[AudioFrame]) -> Samples:
        pieces = [frame.to_ndarray()[0] for frame in frames]
        return np.concatenate(pieces) if pieces else np.empty(0, np.float32)


@lru_cache
def _g711(encoding: Literal["mulaw", "alaw"]) -> npt.NDArray[np.int16]:
    """What each of the 256 bytes is as s16, as FFmpeg decodes it."""
    codec = cast(AudioCodecContext, CodecContext.create(f"pcm_{encoding}", "r"))
    codec.sample_rate, codec.layout = 8000, "mono"
    frames = codec.decode(Packet(bytes(range(256))))
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])
