"""Words → sentences with times, and probabilities as this wire has them. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from asr.caption.sentences import CompletedSentence, SentenceAssembler
from asr.recognise.recogniser import Word
from gateways.openai.wire import LogProb

PAUSE_MS = 1800  # ends a sentence that has no full stop
WORDS_AT_ONCE = 200  # the splitter reads what is pending again for each sentence
_LEAST = 1e-10


def sentences(words: Sequence[Word], lang: str) -> list[CompletedSentence]:
    """The sentences of what was said, each word in one of them."""
    assembler = SentenceAssembler(lang)
    found: list[CompletedSentence] = []
    for block in _without_pauses(words):
        for begin in range(0, len(block), WORDS_AT_ONCE):
            found += assembler.add(tuple(block[begin : begin + WORDS_AT_ONCE]))
        found += assembler.finish()
    return [each for each in found if each.text]


def logprobs(words: Sequence[Word]) -> list[LogProb]:
    """A row a word: this recogniser knows how sure it is of words, not of tokens."""
    return [
        LogProb(token=word.text, logprob=logprob(word.probability), bytes=list(word.text.encode()))
        for word in words
    ]


def logprob(probability: float) -> float:
    """Its natural logarithm; never minus infinity, which JSON has not."""
    return round(math.log(max(probability, _LEAST)), 6)


def _without_pauses(words: Sequence[Word]) -> list[list[Word]]:
    blocks: list[list[Word]] = []
    for word in words:
        if blocks and word.start_ms - blocks[-1][-1].end_ms < PAUSE_MS:
            blocks[-1].append(word)
        else:
            blocks.append([word])
    return blocks
