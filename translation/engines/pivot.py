"""Two engines in a row, through a language that both know: what one alone cannot."""

from __future__ import annotations

from collections.abc import Sequence

from translation.engines import codes
from translation.engines.base import REFUSED, Engine, EngineError, Pair


class Pivot:
    """The pairs that none of `engines` offers alone and two of them do, through `via`; each by the first that has it."""

    name = "pivot"

    def __init__(self, engines: Sequence[Engine], *, via: str) -> None:
        self.engines, self.via = tuple(engines), via
        self._offered: tuple[frozenset[Pair], ...] = ()  # by each, when it was asked last
        self._made: frozenset[Pair] = frozenset()
        self.remote = any(engine.remote for engine in engines)

    def languages(self) -> frozenset[Pair]:
        """Asks all engines; one that is away offers nothing."""
        return self.pairs_through([_pairs(engine) for engine in self.engines])

    def pairs_through(self, each: Sequence[frozenset[Pair]]) -> frozenset[Pair]:
        """What the engines, offering `each`, make together."""
        offered = tuple(each)
        if offered != self._offered:
            self._offered, self._made = offered, self._through(offered)
        return self._made

    def _through(self, offered: Sequence[frozenset[Pair]]) -> frozenset[Pair]:
        direct = frozenset(pair for pairs in offered for pair in pairs)
        into = {source for source, target in direct if codes.same(target, self.via)}
        out = {target for source, target in direct if codes.same(source, self.via)}
        return codes.canonical_pairs(
            (one, other) for one in into for other in out if (one, other) not in direct
        )

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        """Raises what the engine raised that could not, and `refused` where no two lead there."""
        if not self._offered:
            self.languages()
        first, second = self._engine(source, self.via), self._engine(self.via, target)
        return second.translate(first.translate(texts, source, self.via), self.via, target)

    def _engine(self, source: str, target: str) -> Engine:
        for engine, pairs in zip(self.engines, self._offered, strict=True):
            if codes.offers(pairs, source, target):
                return engine
        raise EngineError(REFUSED)


def _pairs(engine: Engine) -> frozenset[Pair]:
    try:
        return engine.languages()
    except EngineError:
        return frozenset()
