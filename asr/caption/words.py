"""Words as they are committed, for wires that make pieces of their own of them: a captioner without sentences."""

from __future__ import annotations

from asr.recognise.options import EngineOptions
from asr.recognise.recogniser import MakeRecogniser, Word

from .captioner import Captioner, CaptionEvent, HypothesisChanged, WordsCommitted

__all__ = ["HypothesisChanged", "WordCaptioner", "WordsCommitted"]


class WordCaptioner(Captioner):
    """Gaps, overlaps and flushing are the captioner's; what is final is given out at once, word by word."""

    def __init__(
        self,
        make_recogniser: MakeRecogniser,
        options: EngineOptions,
        start_ms: int = 0,
        committed_text: str = "",
    ) -> None:
        super().__init__(make_recogniser, options, start_ms, committed_text=committed_text)
        self._shown: tuple[Word, ...] = ()

    def _commit(self, words: tuple[Word, ...]) -> list[CaptionEvent]:
        words = self._after_overlap(words)
        if not words:
            return []
        self._committed_ms = max(self._committed_ms, words[-1].end_ms)
        return [WordsCommitted(words)]

    def _changed_partial(self) -> list[CaptionEvent]:
        if self._hypothesis == self._shown:
            return []
        self._shown = self._hypothesis
        return [HypothesisChanged(self._hypothesis)]
