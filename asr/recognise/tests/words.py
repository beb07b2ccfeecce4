"""Words for tests, made short."""

from asr.recognise.recogniser import Word
from asr.recognise.whisper import DecodedWord


def word(
    text: str,
    start_ms: int = 0,
    end_ms: int | None = None,
    probability: float = 0.9,
    attended_ms: int | None = None,
) -> Word:
    """A word with its leading space."""
    return Word(start_ms, start_ms + 300 if end_ms is None else end_ms, f" {text}", probability, attended_ms)


def sequence(text: str, start_ms: int = 0, step_ms: int = 400, probability: float = 0.9) -> tuple[Word, ...]:
    """A text as words, one every `step_ms`."""
    return tuple(
        word(part, start_ms + index * step_ms, probability=probability)
        for index, part in enumerate(text.split())
    )


def decoded(text: str, step_ms: int = 400, probability: float = 0.9) -> tuple[DecodedWord, ...]:
    """A text as a window's words."""
    return tuple(
        DecodedWord(
            i * step_ms, i * step_ms + 300, f" {part}", probability, probability, (i,), len(part) + 1, 1
        )
        for i, part in enumerate(text.split())
    )
