"""A batch through an engine: identical sentences cached, and one bad text does not spoil the others."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from translation.context import NO_CONTEXT, Context
from translation.engines.base import EMPTY, Engine, EngineError
from translation.engines.hints import Hints, ask
from translation.guard import faithfully, is_plausible
from translation.terms import Wanted, occurrences, wanted_in, with_terms

CACHED_MOST = 4096
CACHED_FOR_S = 45.0  # what is deleted is gone from everywhere within a minute
CACHED_MOST_CHARS = 200
Key = tuple[str, ...]  # engine, source, target, text, and what was asked for beside it
Call = Callable[[Sequence[str]], list[str]]


@dataclass
class Outcome:
    """`texts`: None where no translation came. `answered`: the engine translated something, or had nothing to do."""

    texts: list[str | None]
    answered: bool = True
    error: EngineError | None = None
    seconds: float = 0.0
    asked: int = 0  # texts sent to the engine; the others were cached


@dataclass
class TranslationCache:
    """A cache of short sentences for a moment: "Thank you." occurs again and again."""

    most: int = CACHED_MOST
    clock: Callable[[], float] = time.monotonic
    _texts: OrderedDict[Key, tuple[str, float]] = field(default_factory=OrderedDict)  # oldest first
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: Key) -> str | None:
        """The cached translation."""
        with self._lock:
            self._forget_old()
            found = self._texts.get(key)
            return None if found is None else found[0]

    def put(self, key: Key, text: str) -> None:
        """Add, and evict the oldest."""
        if len(key[3]) > CACHED_MOST_CHARS:
            return
        with self._lock:
            self._forget_old()
            self._texts.pop(key, None)
            self._texts[key] = text, self.clock()
            while len(self._texts) > self.most:
                self._texts.popitem(last=False)

    def _forget_old(self) -> None:
        oldest = self.clock() - CACHED_FOR_S
        while self._texts and next(iter(self._texts.values()))[1] < oldest:
            self._texts.popitem(last=False)


_cache = TranslationCache()


def translate(
    engine: Engine,
    texts: Sequence[str],
    source: str,
    target: str,
    *,
    cache: TranslationCache = _cache,
    between: Callable[[], None] = lambda: None,
    context: Context = NO_CONTEXT,
) -> Outcome:
    """One call for all new texts; if it fails and a text may be to blame, one call each, `between` before it.

    With `context` the talk's terms read as its glossary says.
    """
    wanted = wanted_in(context.terms, target)
    keys = [(engine.name, source, target, text, *_asked_for(text, wanted, context)) for text in texts]
    known = {key: cache.get(key) for key in dict.fromkeys(keys)}
    new = [key for key, text in known.items() if text is None and key[3].strip()]
    known.update({key: "" for key in known if not key[3].strip()})
    began = time.monotonic()

    def call(batch: Sequence[str]) -> list[str]:
        terms = {each.term: each.reads for text in batch for _, _, each in occurrences(text, wanted)}
        hints = Hints(context.talk, context.before, tuple(terms.items()), context.formality)
        return with_terms(
            lambda plain: faithfully(lambda items: ask(engine, items, source, target, hints), plain),
            batch, wanted, between=between,
        )  # fmt: skip

    error = _all(call, new, known) if new else None
    answered = error is None or error.code == EMPTY
    if error is not None and error.per_text and len(new) > 1:
        for key in new:
            between()
            error = _all(call, [key], known) or error
            answered = answered or known[key] is not None
            if not error.per_text:
                break
    for key in new:
        text = known[key]
        if text is not None:
            cache.put(key, text)
    return Outcome([known[key] for key in keys], answered, error, time.monotonic() - began, len(new))


def _asked_for(text: str, wanted: Sequence[Wanted], context: Context) -> list[str]:
    """What makes another translation of the same text."""
    terms = dict.fromkeys(f"{each.term}={each.reads}" for _, _, each in occurrences(text, wanted))
    return [*([context.formality] if context.formality else []), *terms]


def _all(call: Call, keys: Sequence[Key], known: dict[Key, str | None]) -> EngineError | None:
    """Translate `keys` in one call into `known`; implausible ones stay None."""
    try:
        translated = call([key[3] for key in keys])
    except EngineError as error:
        return error
    wrong = None
    for key, text in zip(keys, translated, strict=True):
        if is_plausible(key[3], text):
            known[key] = text
        else:
            wrong = EngineError(EMPTY)
    return wrong
