"""Where decoding of a stream can begin again."""

import base64
import json
from collections import deque
from dataclasses import dataclass

from asr.audio.samples import SAMPLES_PER_MS

_CONVERGENCE_SAMPLES = 200 * SAMPLES_PER_MS
"""An Opus decoder that is started in mid-stream gives nearly the same audio after 80 ms (RFC 7845 section 4.6)."""
_EVERY_SAMPLES = 200 * SAMPLES_PER_MS
_POINTS = 4096  # more than thirteen minutes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where decoding can begin again: in which entry, at which byte, behind which header, at what time."""

    entry_id: str
    offset: int
    prefix: bytes
    position_samples: int
    floor_samples: int
    base_samples: int | None

    @property
    def at_ms(self) -> int:
        """The first millisecond that decoding from here gives."""
        return -(-self.floor_samples // SAMPLES_PER_MS)

    def to_bytes(self) -> bytes:
        """For keeping; `from_bytes` reads it."""
        prefix = base64.b64encode(self.prefix).decode()
        numbers = [self.offset, self.position_samples, self.floor_samples, self.base_samples]
        return json.dumps([1, self.entry_id, prefix, *numbers]).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Checkpoint":
        """Raises ValueError on anything that `to_bytes` did not write."""
        read = json.loads(data)
        if not isinstance(read, list) or len(read) != 7 or read[0] != 1:
            raise ValueError("not a checkpoint")
        _, entry_id, prefix, offset, position, floor, base = read
        numbers = (offset, position, floor, 0 if base is None else base)
        if not isinstance(entry_id, str) or not all(type(number) is int for number in numbers) or offset < 0:
            raise ValueError("not a checkpoint")
        return cls(entry_id, offset, base64.b64decode(prefix, validate=True), position, floor, base)


class RestartPoints:
    """The places of the last minutes, newest last."""

    def __init__(self) -> None:
        self._points: deque[tuple[int, Checkpoint]] = deque(maxlen=_POINTS)  # good from which sample on

    def note(self, point: Checkpoint, *, converged: bool) -> None:
        """Keep a position if the last one is not too near; `converged`: its first sample is right already."""
        newest = self._points[-1][1].position_samples if self._points else -_EVERY_SAMPLES
        begins_recorder = converged and bool(point.prefix)
        if point.position_samples - newest < _EVERY_SAMPLES and not begins_recorder:
            return
        self._points.append((point.floor_samples + (0 if converged else _CONVERGENCE_SAMPLES), point))

    def newest(self, at_ms: int) -> Checkpoint | None:
        """The newest place that gives everything from a time on."""
        for good_from, point in reversed(self._points):
            if good_from <= at_ms * SAMPLES_PER_MS:
                return point
        return None
