"""A sentence model in this process: CTranslate2, whole batches at once, tokens by whichever SentencePiece model it was trained with."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from translation.engines.base import FAILED, EngineError
from translation.engines.pieces import join, pieces

MOST_CHARS: Final = 500
BATCH: Final = 32
BEAMS: Final = 4  # as Argos Translate decodes
LENGTH_PENALTY: Final = 0.2
LOADED_MOST: Final = 8  # models in memory, about 100 MB each, NLLB's more
K = TypeVar("K", bound=Hashable)


class SentenceModel:
    """Translates texts of any length, in pieces of a sentence or so. `prefix`: what each translation begins with, and is cut off."""

    def __init__(
        self,
        folder: Path,
        *,
        encode: Callable[[str], list[str]],
        decode: Callable[[list[str]], str],
        threads: int = 0,
        beams: int = BEAMS,
    ) -> None:
        """Raises EngineError `failed` where the folder holds no model."""
        try:
            import ctranslate2

            self._translator: Any = ctranslate2.Translator(
                str(folder), device="cpu", compute_type="auto", intra_threads=threads
            )
        except Exception as error:  # a damaged model: whatever the library raises
            raise EngineError(FAILED) from error
        self._encode, self._decode, self._beams = encode, decode, beams

    def translate(self, texts: Sequence[str], *, prefix: str = "") -> list[str]:
        """One text for each, in order."""
        cut = [list(pieces(text, MOST_CHARS)) for text in texts]
        flat = [piece for text in cut for piece in text]
        translated = iter(self._batch(flat, prefix) if flat else [])
        return [join([next(translated) for _ in text]) for text in cut]

    def _batch(self, texts: list[str], prefix: str) -> list[str]:
        tokens = [self._encode(text) for text in texts]
        longest = max(map(len, tokens))
        try:
            results = self._translator.translate_batch(
                tokens,
                target_prefix=[[prefix]] * len(tokens) if prefix else None,
                beam_size=self._beams, length_penalty=LENGTH_PENALTY, replace_unknowns=True,
                max_batch_size=BATCH, max_decoding_length=2 * longest + 20,
            )  # fmt: skip
        except (RuntimeError, ValueError) as error:
            raise EngineError(FAILED) from error
        found = [result.hypotheses[0] for result in results]
        return [self._decode(each[1:] if prefix and each[:1] == [prefix] else each) for each in found]


class LoadedModels(Generic[K]):
    """The models in memory, by a key; the one that was used longest ago goes when there are too many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: OrderedDict[K, SentenceModel] = OrderedDict()

    def get(self, key: K, load: Callable[[], SentenceModel]) -> SentenceModel:
        """Loaded once, whoever asks meanwhile."""
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = load()
            self._loaded.move_to_end(key)
            if len(self._loaded) > LOADED_MOST:
                self._loaded.popitem(last=False)
            return self._loaded[key]


def sentencepiece(file: Path) -> Any:
    """A SentencePiece model. Raises EngineError `failed`."""
    try:
        from sentencepiece import SentencePieceProcessor

        return SentencePieceProcessor(model_file=str(file))
    except Exception as error:  # a damaged model: whatever the library raises
        raise EngineError(FAILED) from error
