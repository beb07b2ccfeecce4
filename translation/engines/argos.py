"""Argos packages run in this process."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from translation.engines import codes
from translation.engines.base import REFUSED, EngineError, Pair
from translation.engines.packages import Package, installed
from translation.engines.sentence_model import BEAMS, LoadedModels, SentenceModel, sentencepiece

PIVOT = "en"
WORD_START = "\u2581"


class Argos:
    """The pairs of the installed packages, and through English where a pair is missing."""

    name = "argos"
    remote = False

    def __init__(self, root: Path, *, threads: int = 0, beams: int = BEAMS) -> None:
        self._root = root
        self._threads, self._beams = threads, beams
        self._models: LoadedModels[Path] = LoadedModels()

    def languages(self) -> frozenset[Pair]:
        """Direct pairs and those that two packages make through English."""
        direct = {(package.source, package.target) for package in installed(self._root)}
        into = {source for source, target in direct if target == PIVOT}
        out = {target for source, target in direct if source == PIVOT}
        return codes.canonical_pairs(direct | {(one, other) for one in into for other in out})

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        """Raises EngineError `refused` where no packages lead there."""
        result = list(texts)
        for package in self._route(source, target):
            model = self._models.get(package.folder, lambda package=package: self._load(package))  # type: ignore[misc]  # mypy/13250
            result = model.translate(result, prefix=package.target_prefix)
        return result

    def _route(self, source: str, target: str) -> list[Package]:
        packages = installed(self._root)
        for via in ((), (PIVOT,)):
            steps = [source, *via, target]
            route = [_find(packages, one, other) for one, other in pairwise(steps)]
            found = [package for package in route if package is not None]
            if len(found) == len(route):
                return found
        raise EngineError(REFUSED)

    def _load(self, package: Package) -> SentenceModel:
        tokens = sentencepiece(package.folder / "sentencepiece.model")
        return SentenceModel(
            package.folder / "model", encode=lambda text: tokens.encode(text, out_type=str), decode=_text,
            threads=self._threads, beams=self._beams,
        )  # fmt: skip


def _text(tokens: list[str]) -> str:
    return "".join(tokens).replace(WORD_START, " ").strip()


def _find(packages: Sequence[Package], source: str, target: str) -> Package | None:
    own_source = codes.native(source, {package.source for package in packages})
    for package in packages:
        if package.source == own_source and codes.native(target, {package.target}) == package.target:
            return package
    return None
