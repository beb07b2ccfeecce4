"""Which suppressor a stream gets: RNNoise where it can and may, else the gate."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Literal, Protocol

from django.conf import settings

from gateways.echo.denoising_thread import denoising_thread
from gateways.echo.frames import NoiseGate, Pcm
from gateways.echo.metrics import GATED
from gateways.echo.places import RNNOISE_STREAMS
from gateways.echo.rnnoise import FRAME_SAMPLES, RATE_HZ, Denoiser, library
from gateways.echo.wire import Config

PATIENCE_S = 0.01  # behind others in RNNoise's thread
Name = Literal["rnnoise", "gate"]


class Suppressor(Protocol):
    """One stream's. `close` gives back what it holds."""

    name: Name

    def suppress(self, frames: Pcm) -> Pcm | Awaitable[Pcm]:
        """Frames, one a row; as many samples come back, in any shape. One call after the other."""

    def close(self) -> None:
        """The stream is over."""


class Gate:
    """At once: some microseconds a frame."""

    name: Name = "gate"

    def __init__(self, gate: NoiseGate) -> None:
        self._gate = gate

    def suppress(self, frames: Pcm) -> Pcm:
        """As NoiseGate does."""
        return self._gate.apply(frames)

    def close(self) -> None:
        """It holds nothing."""


class Rnnoise:
    """In a thread, as long as that keeps up: what would wait too long goes through the gate. Holds one of the RNNOISE_STREAMS."""

    name: Name = "rnnoise"

    def __init__(self, denoiser: Denoiser, gate: NoiseGate) -> None:
        self._denoiser, self._gate = denoiser, gate
        self._closed = False

    def suppress(self, frames: Pcm) -> Pcm | Awaitable[Pcm]:
        """What RNNoise gives out is 10 ms behind."""
        thread = denoising_thread()
        if thread.wait_s() > PATIENCE_S:
            GATED.inc()
            return self._gate.apply(frames)
        return thread.denoise(self._denoiser, frames.reshape(-1))

    def close(self) -> None:
        """Once, or more often."""
        if not self._closed:
            self._closed = True
            RNNOISE_STREAMS.give_back()


def suppressor_of(config: Config) -> Suppressor:
    """Call its `close` when the stream is over."""
    env = settings.ENV
    rnnoise = library() if env.noise_suppressor != "gate" else None
    fits = config.rate_hz == RATE_HZ and config.frame_samples % FRAME_SAMPLES == 0
    gate = NoiseGate(env.noise_gate_threshold, env.noise_gate_attenuation)
    if rnnoise is not None and fits and RNNOISE_STREAMS.take(env.echo_rnnoise_streams):
        return Rnnoise(Denoiser(rnnoise), gate)
    return Gate(gate)
