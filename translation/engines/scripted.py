"""A scripted engine: no model; "[pt] text" after a set time. For tests and load measurements."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from translation.engines.base import Pair

LANGS = ("de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "uk", "zh")


class ScriptedEngine:
    """Takes `text_s` for each text, one text at a time like one core would, whatever the threads."""

    name = "scripted"
    remote = False

    def __init__(self, *, text_s: float = 0.0, wait: Callable[[float], None] = time.sleep) -> None:
        self._text_s = text_s
        self._wait = wait
        self._core = threading.Lock()

    def languages(self) -> frozenset[Pair]:
        """All of a dozen languages into each other."""
        return frozenset((one, other) for one in LANGS for other in LANGS if one != other)

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        """The texts, marked."""
        if self._text_s:
            with self._core:
                self._wait(self._text_s * len(texts))
        return [f"[{target}] {text}" for text in texts]
