"""Decoded audio on the part's timeline: resampled to mono 16 kHz, cut at whole milliseconds, never going back."""

from dataclasses import dataclass

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from asr.audio.opus import OpusHead, packet_samples
from asr.audio.samples import SAMPLE_RATE_HZ, SAMPLES_PER_MS, Samples

_OPUS_RATE_HZ = 48_000


@dataclass(frozen=True, slots=True)
class Pcm:
    """Mono float32 at 16 kHz that begins at `start_ms` of the part."""

    start_ms: int
    samples: Samples


class OpusDecoder:
    """One recorder's Opus decoder: a packet in, frames of 48 kHz out; what is damaged becomes silence."""

    def __init__(self, head: OpusHead) -> None:
        self.packets_bad = 0
        self._codec = av.CodecContext.create("libopus", "r")
        self._codec.extradata = head.for_decoder

    def decode(self, data: bytes) -> list[AudioFrame]:
        """The packet's audio; always as long as the packet says, so that times hold."""
        try:
            frames = self._codec.decode(av.Packet(data))
        except av.FFmpegError:
            frames = []
        if frames:
            return frames
        self.packets_bad += 1
        samples = packet_samples(data) * _OPUS_RATE_HZ // SAMPLE_RATE_HZ
        return [_silence(samples)] if samples else []


def _mono(frame: AudioFrame) -> AudioFrame:
    """The mean of all channels; the resampler would add two channels up to more than full scale."""
    channels = frame.layout.nb_channels
    if channels == 1:
        return frame
    samples = frame.to_ndarray()
    planes = samples if frame.format.is_planar else samples.reshape(-1, channels).T
    mean = planes.mean(axis=0, dtype=np.float32).astype(samples.dtype)
    mixed = AudioFrame.from_ndarray(mean.reshape(1, -1), format=frame.format.packed.name, layout="mono")
    mixed.sample_rate = frame.sample_rate
    return mixed


def _silence(samples: int) -> AudioFrame:
    frame = AudioFrame.from_ndarray(np.zeros((1, samples), np.int16), format="s16", layout="mono")
    frame.sample_rate = _OPUS_RATE_HZ
    return frame


class Timeline:
    """Lays audio end to end in runs; all positions count samples of 16 kHz since the part began."""

    def __init__(self, position: int = 0, floor: int = 0) -> None:
        self.position = position
        """Where the next frame begins."""
        self.added_samples = 0
        self.made_samples = 0
        self._floor = _whole_ms(floor)  # nothing before it is given out
        self._ready: list[Samples] = []
        self._ready_from = position
        self._resampler: AudioResampler | None = None
        self._input: tuple[str, int] | None = None
        self._pcm: list[Pcm] = []

    def add_frame(self, frame: AudioFrame) -> None:
        """Decoded audio of any rate and layout."""
        frame = _mono(frame)
        kind = (frame.format.name, frame.sample_rate)
        if kind != self._input:
            self._drain()
            self._input = kind
        if self._resampler is None:
            self._resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
        frame.pts = None
        self._advance(frame.samples * SAMPLE_RATE_HZ // frame.sample_rate)
        self._ready += [piece.to_ndarray()[0] for piece in self._resampler.resample(frame)]

    def add_samples(self, samples: Samples) -> None:
        """Audio that is mono 16 kHz already."""
        self._drain()
        self._ready.append(samples)
        self._advance(len(samples))

    def begin_recorder(self, pre_skip_samples: int) -> int:
        """Ends the run and begins a recorder right behind it, whose first samples are not for hearing."""
        self.end_run()
        self.position = self._ready_from = self._floor - pre_skip_samples
        return self._floor

    def leave_gap(self, samples: int) -> None:
        """Ends the run and begins another one so much later."""
        self.end_run()
        self.position += samples
        self._ready_from = self.position
        self._floor = _whole_ms(self.position)

    def end_run(self) -> None:
        """Gives out what is left, to the last sample; the next run begins with the next millisecond."""
        self._drain()
        self._give(whole_ms=False)
        self._ready = []
        self._ready_from = self.position
        self._floor = _whole_ms(max(self.position, self._floor))

    def pop(self) -> list[Pcm]:
        """What is ready, in whole milliseconds."""
        self._give(whole_ms=True)
        pcm, self._pcm = self._pcm, []
        return pcm

    def _advance(self, samples: int) -> None:
        self.position += samples
        self.added_samples += samples

    def _drain(self) -> None:
        if self._resampler is not None:
            self._ready += [piece.to_ndarray()[0] for piece in self._resampler.resample(None)]
        self._resampler = self._input = None

    def _give(self, *, whole_ms: bool) -> None:
        samples = np.concatenate(self._ready) if self._ready else np.empty(0, np.float32)
        start = max(self._ready_from, self._floor)
        samples = samples[start - self._ready_from :]
        count = len(samples) // SAMPLES_PER_MS * SAMPLES_PER_MS if whole_ms else len(samples)
        if count <= 0:
            return
        self._pcm.append(Pcm(start // SAMPLES_PER_MS, samples[:count]))
        self.made_samples += count
        self._ready = [samples[count:]]
        self._ready_from = start + count


def _whole_ms(samples: int) -> int:
    return -(-samples // SAMPLES_PER_MS) * SAMPLES_PER_MS
