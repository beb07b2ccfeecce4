"""Argos packages run in this process: SentencePiece and CTranslate2, whole batches at once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from translation.engines import codes
from translation.engines.base import FAILED, REFUSED, EngineError, Pair
from translation.engines.packages import Package, installed
from translation.engines.pieces import join, pieces

PIVOT = "en"
MOST_CHARS = 500
BATCH = 32
BEAMS = 4  # as Argos Translate decodes
LENGTH_PENALTY = 0.2
LOADED_MOST = 8  # packages in memory, about 100 MB each
WORD_START = "\u2581"


class Argos:
    """The pairs of the installed packages, and through English where a pair is missing."""

    name = "argos"
    remote = False

    def __init__(self, root: Path, *, threads: int = 0, beams: int = BEAMS) -> None:
        self._root = root
        self._threads, self._beams = threads, beams
        self._lock = threading.Lock()
        self._loaded: OrderedDict[Path, _Model] = OrderedDict()

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
            result = self._model(package).translate(result)
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

    def _model(self, package: Package) -> _Model:
        with self._lock:
            if package.folder not in self._loaded:
                self._loaded[package.folder] = _Model(package, threads=self._threads, beams=self._beams)
            self._loaded.move_to_end(package.folder)
            if len(self._loaded) > LOADED_MOST:
                self._loaded.popitem(last=False)
            return self._loaded[package.folder]


class _Model:
    """One package in memory."""

    def __init__(self, package: Package, *, threads: int, beams: int) -> None:
        try:
            import ctranslate2
            import sentencepiece

            self._tokens = sentencepiece.SentencePieceProcessor(
                model_file=str(package.folder / "sentencepiece.model")
            )
            self._translator: Any = ctranslate2.Translator(
                str(package.folder / "model"), device="cpu", compute_type="auto", intra_threads=threads
            )
        except Exception as error:  # a damaged model: whatever the libraries raise
            raise EngineError(FAILED) from error
        self._prefix = package.target_prefix
        self._beams = beams

    def translate(self, texts: Sequence[str]) -> list[str]:
        cut = [list(pieces(text, MOST_CHARS)) for text in texts]
        flat = [piece for text in cut for piece in text]
        translated = iter(self._batch(flat) if flat else [])
        return [join([next(translated) for _ in text]) for text in cut]

    def _batch(self, texts: list[str]) -> list[str]:
        tokens = [self._tokens.encode(text, out_type=str) for text in texts]
        longest = max(map(len, tokens))
        try:
            results = self._translator.translate_batch(
                tokens,
                target_prefix=[[self._prefix]] * len(tokens) if self._prefix else None,
                beam_size=self._beams, length_penalty=LENGTH_PENALTY, replace_unknowns=True,
                max_batch_size=BATCH, max_decoding_length=2 * longest + 20,
            )  # fmt: skip
        except (RuntimeError, ValueError) as error:
            raise EngineError(FAILED) from error
        return [self._text(result.hypotheses[0]) for result in results]

    def _text(self, tokens: list[str]) -> str:
        if self._prefix and tokens[:1] == [self._prefix]:
            tokens = tokens[1:]
        return "".join(tokens).replace(WORD_START, " ").strip()


def _find(packages: Sequence[Package], source: str, target: str) -> Package | None:
    own_source = codes.native(source, {package.source for package in packages})
    for package in packages:
        if package.source == own_source and codes.native(target, {package.target}) == package.target:
            return package
    return None
