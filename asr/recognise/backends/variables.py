"""The variables of a Whisper model that was converted for CTranslate2: the file model.bin, read without CTranslate2.

The file: version, the specification's name and revision, then each variable's name, shape, type and bytes, little-endian.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SPEC = "WhisperSpec"
DTYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
FLOATS = (np.float16, np.float32)
Array = NDArray[Any]


def read_variables(path: Path) -> dict[str, Array]:
    """The variables by name, as they lie in the mapped file. Raises ValueError where it is none of Whisper's."""
    try:
        reader = _Reader(path)
        reader.number("I")  # version of the format
        if reader.string() != SPEC:
            raise ValueError(f"{path} is not a Whisper model")
        reader.number("I")  # revision of the specification
        return dict(reader.variable() for _ in range(reader.number("I")))
    except struct.error as error:
        raise ValueError(f"{path} ends too early") from error


class _Reader:
    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._at = 0

    def number(self, kind: str) -> int:
        value = struct.unpack_from("<" + kind, self._mapped, self._at)[0]
        self._at += struct.calcsize(kind)
        return int(value)

    def string(self) -> str:
        size = self.number("H")
        self._at += size
        return self._mapped[self._at - size : self._at].rstrip(b"\0").decode()

    def variable(self) -> tuple[str, Array]:
        name = self.string()
        shape = [self.number("I") for _ in range(self.number("B"))]
        dtype = DTYPES.get(self.number("B"))
        size = self.number("I")
        if dtype is None:
            raise ValueError(f"{name} has a type that this does not read")
        self._at += size
        count = size // np.dtype(dtype).itemsize
        return name, np.frombuffer(self._mapped, dtype, count, self._at - size).reshape(shape)
