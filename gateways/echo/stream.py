"""One client's stream: what its frames are, and the message that answers one."""

from __future__ import annotations

import numpy as np

from gateways.common.limits import TokenBucket
from gateways.echo.frames import mono, whole_frames
from gateways.echo.limits import AUDIO_BURST_S, AUDIO_PER_S
from gateways.echo.suppressors import suppressor_of
from gateways.echo.wire import DEFAULTS, HEADER, Config
from rooms.errors import DomainError


class EchoStream:
    """From the first frame on, whether a config came or not. Close it."""

    def __init__(self) -> None:
        self._audio = TokenBucket(rate_per_s=AUDIO_PER_S, burst=AUDIO_BURST_S)
        self._config = DEFAULTS
        self._suppressor = suppressor_of(self._config)

    @property
    def suppressor(self) -> str:
        """Its name."""
        return self._suppressor.name

    def configure(self, config: Config) -> None:
        """From the next frame on. Anew each time: what the suppressor learned of the sound is forgotten."""
        self._suppressor.close()
        self._config = config
        self._suppressor = suppressor_of(config)

    async def answer(self, message: bytes) -> bytes | None:
        """The header as it came, and the whole frames with their noise suppressed; None to what has no whole header.

        Raises DomainError (`too_much_audio`). One call after the other.
        """
        if len(message) < HEADER.size:
            return None
        samples = mono(memoryview(message)[HEADER.size :], self._config.channels)
        if not self._audio.consume(len(samples) / self._config.rate_hz):
            raise DomainError("too_much_audio")
        found = self._suppressor.suppress(whole_frames(samples, self._config.frame_samples))
        frames = found if isinstance(found, np.ndarray) else await found
        return message[: HEADER.size] + frames.tobytes()

    def close(self) -> None:
        """The client is gone."""
        self._suppressor.close()
