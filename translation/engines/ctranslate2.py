"""Models converted for CTranslate2, a folder each: Opus-MT for a pair, NLLB for two hundred languages.

    opus-mt-en-de/        model.bin, source.spm, target.spm; the pair is the end of the folder's name
    nllb-200-distilled/   model.bin, sentencepiece.bpe.model

As `ct2-transformers-converter --copy_files source.spm target.spm` (or `sentencepiece.bpe.model`) makes them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from translation.engines import codes
from translation.engines.base import REFUSED, EngineError, Pair
from translation.engines.sentence_model import BEAMS, LoadedModels, SentenceModel, sentencepiece

_PAIR = re.compile(r"-([a-z]{2,3})-([a-z]{2,3})$")
_END = "</s>"
# Our codes → FLORES-200's, which are NLLB's tokens.
NLLB_CODES: Final = {
    "ar": "arb_Arab", "bg": "bul_Cyrl", "ca": "cat_Latn", "cs": "ces_Latn", "da": "dan_Latn", "de": "deu_Latn", "el": "ell_Grek",
    "en": "eng_Latn", "es": "spa_Latn", "et": "est_Latn", "eu": "eus_Latn", "fa": "pes_Arab", "fi": "fin_Latn", "fr": "fra_Latn",
    "ga": "gle_Latn", "gl": "glg_Latn", "he": "heb_Hebr", "hi": "hin_Deva", "hr": "hrv_Latn", "hu": "hun_Latn", "id": "ind_Latn",
    "it": "ita_Latn", "ja": "jpn_Jpan", "ko": "kor_Hang", "lt": "lit_Latn", "lv": "lvs_Latn", "nb": "nob_Latn", "nl": "nld_Latn",
    "pl": "pol_Latn", "pt": "por_Latn", "ro": "ron_Latn", "ru": "rus_Cyrl", "sk": "slk_Latn", "sl": "slv_Latn", "sr": "srp_Cyrl",
    "sv": "swe_Latn", "th": "tha_Thai", "tr": "tur_Latn", "uk": "ukr_Cyrl", "vi": "vie_Latn", "zh": "zho_Hans", "zh-Hant": "zho_Hant",
}  # fmt: skip
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Folder:
    """One model. `pair` None: it is NLLB, between all languages that have a code."""

    path: Path
    pair: Pair | None

    @property
    def pairs(self) -> list[Pair]:
        """What it translates."""
        if self.pair is not None:
            return [self.pair]
        return [(one, other) for one in NLLB_CODES for other in NLLB_CODES if one != other]


class CTranslate2:
    """The pairs of all folders below one; a model of one pair goes before one of many."""

    name = "ctranslate2"
    remote = False

    def __init__(self, root: Path, *, threads: int = 0, beams: int = BEAMS) -> None:
        self._root = root
        self._threads, self._beams = threads, beams
        self._models: LoadedModels[tuple[Path, str]] = LoadedModels()

    def languages(self) -> frozenset[Pair]:
        """What the folders' names say."""
        return _offered(folders(self._root))

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        """Raises EngineError `refused` where no model leads there, `failed` where its files are damaged."""
        for folder in folders(self._root):
            pair = _native(folder, source, target)
            if pair is not None:
                return self._translate(folder, texts, *pair)
        raise EngineError(REFUSED)

    def _translate(self, folder: Folder, texts: Sequence[str], source: str, target: str) -> list[str]:
        if folder.pair is not None:
            model = self._models.get((folder.path, ""), lambda: self._opus(folder.path))
            return model.translate(texts)
        spoken = NLLB_CODES[source]
        model = self._models.get((folder.path, spoken), lambda: self._nllb(folder.path, spoken))
        return model.translate(texts, prefix=NLLB_CODES[target])

    def _opus(self, path: Path) -> SentenceModel:
        source, target = sentencepiece(path / "source.spm"), sentencepiece(path / "target.spm")
        return SentenceModel(
            path, encode=lambda text: [*source.encode(text, out_type=str), _END], decode=target.decode,
            threads=self._threads, beams=self._beams,
        )  # fmt: skip

    def _nllb(self, path: Path, spoken: str) -> SentenceModel:
        tokens = sentencepiece(path / "sentencepiece.bpe.model")
        return SentenceModel(
            path, encode=lambda text: [spoken, *tokens.encode(text, out_type=str), _END], decode=tokens.decode,
            threads=self._threads, beams=self._beams,
        )  # fmt: skip


def folders(root: Path) -> tuple[Folder, ...]:
    """The models below `root`, those of one pair first; read again when one was added or taken away."""
    try:
        return _folders(root, root.stat().st_mtime_ns)
    except OSError:
        return ()


@lru_cache(maxsize=4)
def _folders(root: Path, changed_ns: int) -> tuple[Folder, ...]:
    found = [each for path in sorted(root.glob("*/model.bin")) if (each := _folder(path.parent)) is not None]
    return tuple(sorted(found, key=lambda folder: folder.pair is None))


@lru_cache(maxsize=4)
def _offered(found: tuple[Folder, ...]) -> frozenset[Pair]:
    return codes.canonical_pairs(pair for folder in found for pair in folder.pairs)


def _folder(path: Path) -> Folder | None:
    if (path / "sentencepiece.bpe.model").is_file():
        return Folder(path, None)
    named = _PAIR.search(path.name)
    if named and (path / "source.spm").is_file() and (path / "target.spm").is_file():
        return Folder(path, (codes.canonical(named[1]), codes.canonical(named[2])))
    logger.warning("folder holds no model that is known", extra={"folder": path.name})
    return None


def _native(folder: Folder, source: str, target: str) -> Pair | None:
    """The pair under the names that the model's table has."""
    one = codes.native(source, {pair[0] for pair in folder.pairs})
    other = codes.native(target, {pair[1] for pair in folder.pairs})
    return (one, other) if one is not None and other is not None and one != other else None
