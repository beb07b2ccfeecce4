"""A batch through an engine: identical sentences remembered, one bad text kept from spoiling the others."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from translation.engines.base import EMPTY, Engine, EngineError
from translation.guard import faithfully, is_plausible

REMEMBERED = 4096
REMEMBERED_CHARS = 200
Key = tuple[str, str, str, str]  # engine, source, target, text


@dataclass
class Outcome:
    """`texts`: None where no translation came. `answered`: the engine translated something, or had nothing to do."""

    texts: list[str | None]
    answered: bool = True
    error: EngineError | None = None
    seconds: float = 0.0
    asked: int = 0  # texts that the engine was given; the others were remembered


@dataclass
class Memory:
    """The last short sentences and their translations: "Thank you." is said again and again."""

    most: int = REMEMBERED
    _texts: OrderedDict[Key, str] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: Key) -> str | None:
        """The remembered translation."""
        with self._lock:
            if key in self._texts:
                self._texts.move_to_end(key)
            return self._texts.get(key)

    def put(self, key: Key, text: str) -> None:
        """Remember, and forget what was not asked for longest."""
        if len(key[3]) > REMEMBERED_CHARS:
            return
        with self._lock:
            self._texts[key] = text
            self._texts.move_to_end(key)
            while len(self._texts) > self.most:
                self._texts.popitem(last=False)


_memory = Memory()


def translate(
    engine: Engine,
    texts: Sequence[str],
    source: str,
    target: str,
    *,
    memory: Memory = _memory,
    between: Callable[[], None] = lambda: None,
) -> Outcome:
    """One call for all new texts; if it fails and a text may be to blame, one call each, `between` before it."""
    keys = [(engine.name, source, target, text) for text in texts]
    known = {key: memory.get(key) for key in dict.fromkeys(keys)}
    new = [key for key, text in known.items() if text is None and key[3].strip()]
    known.update({key: "" for key in known if not key[3].strip()})
    began = time.monotonic()
    error = _all(engine, new, known) if new else None
    answered = error is None or error.code == EMPTY
    if error is not None and error.per_text and len(new) > 1:
        for key in new:
            between()
            error = _all(engine, [key], known) or error
            answered = answered or known[key] is not None
            if not error.per_text:
                break
    for key in new:
        text = known[key]
        if text is not None:
            memory.put(key, text)
    return Outcome([known[key] for key in keys], answered, error, time.monotonic() - began, len(new))


def _all(engine: Engine, keys: Sequence[Key], known: dict[Key, str | None]) -> EngineError | None:
    """Translate `keys` in one call into `known`; implausible ones stay None."""
    source, target = keys[0][1], keys[0][2]
    try:
        translated = faithfully(
            lambda texts: engine.translate(texts, source, target), [key[3] for key in keys]
        )
    except EngineError as error:
        return error
    wrong = None
    for key, text in zip(keys, translated, strict=True):
        if is_plausible(key[3], text):
            known[key] = text
        else:
            wrong = EngineError(EMPTY)
    return wrong
