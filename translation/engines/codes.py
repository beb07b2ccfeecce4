"""Language codes: the same language has several names among recognisers, engines and browsers. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from translation.engines.base import Pair

# The first of each group is ours.
_GROUPS = (("zh", "zh-Hans", "zh-CN"), ("zh-Hant", "zt", "zh-TW"), ("pt-BR", "pb"), ("nb", "no"))
_CANONICAL = {code: group[0] for group in _GROUPS for code in group}
_ALIASES = {code: group for group in _GROUPS for code in group}
# Near enough to serve where the exact one is missing: a variant of a region by its language; scripts differ too much for zh and zh-Hant.
_NEAR = {"pt": ("pt-BR", "pt-PT")}
_REGIONAL = re.compile(r"(?!zh)([a-z]{2,3})-[A-Z]{2}")
_CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,8})?")


def canonical(code: str) -> str:
    """Our name of the language."""
    return _CANONICAL.get(code, code)


def same(one: str, other: str) -> bool:
    """Whether two codes name one language."""
    return canonical(one) == canonical(other)


def is_code(code: object) -> bool:
    """Whether this is a code that tracks may carry."""
    return isinstance(code, str) and _CODE.fullmatch(code) is not None


def native(code: str, known: Collection[str]) -> str | None:
    """What an engine that knows `known` calls the language `code`; None where it has none such."""
    names = [alias for name in (code, *_near(code)) for alias in (name, *_ALIASES.get(name, ()))]
    return next((name for name in names if name in known), None)


def offers(pairs: Collection[Pair], source: str, target: str) -> bool:
    """Whether `pairs` hold this translation, or a near enough one; of variants of one language only the exact one."""
    if same(source, target):
        return False
    if canonical(target) in _near(source) or canonical(source) in _near(target):
        return offers_exactly(pairs, source, target)
    return any((one, other) in pairs for one in _names(source) for other in _names(target) if one != other)


def offers_exactly(pairs: Collection[Pair], source: str, target: str) -> bool:
    """Whether `pairs` hold this translation into this very variant: pt-BR and not pt."""
    return (canonical(source), canonical(target)) in pairs


def canonical_pairs(pairs: Iterable[Pair]) -> frozenset[Pair]:
    """Pairs of different languages in our names; what is no code is left out."""
    named = {(canonical(one), canonical(other)) for one, other in pairs if is_code(one) and is_code(other)}
    return frozenset(pair for pair in named if pair[0] != pair[1])


def _names(code: str) -> list[str]:
    return [canonical(code), *_near(code)]


def _near(code: str) -> tuple[str, ...]:
    ours = canonical(code)
    regional = _REGIONAL.fullmatch(ours)
    return (regional[1],) if regional else _NEAR.get(ours, ())
