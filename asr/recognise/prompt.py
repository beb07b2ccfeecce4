"""The decoder's prompt: the talk's words, and the last committed ones. Bounded."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable

from .options import EngineOptions
from .text import ends_sentence, normalised

TALK_TOKENS = 60
RECENT_TOKENS = 60
RECENT_WORDS = 60
_TERM = re.compile(r"\b(?:[A-ZÄÖÜ][\w-]*[A-Z\d][\w-]*|[A-Z]{2,}\w*|\w+[A-Z]\w*|\w+\d\w*)\b")


class Prompt:
    """Prompt tokens of one stream; `encode` is the model's tokenizer."""

    def __init__(self, options: EngineOptions, encode: Callable[[str], list[int]]) -> None:
        self._encode = encode
        self._on = options.prompt
        text = talk_text(options)
        self._talk = tuple(encode(" " + text)[:TALK_TOKENS]) if text and options.prompt else ()
        self._recent: deque[str] = deque(maxlen=RECENT_WORDS)
        self._recent_suppressed = False

    @property
    def recent(self) -> list[str]:
        """The last committed words outside the window, normalised."""
        return [normalised(text) for text in self._recent]

    @property
    def at_sentence_start(self) -> bool:
        """No words precede the window, or a sentence ended there."""
        return not self._recent or ends_sentence(self._recent[-1])

    def tokens(self) -> tuple[int, ...]:
        """Prompt for the next decode: the talk, then the last committed words if the sentence goes on."""
        if not self._on:
            return ()
        if self._recent_suppressed:
            return self._talk
        recent = self._encode("".join(self._recent))[-RECENT_TOKENS:] if self._recent else []
        return (*self._talk, *recent)

    def append(self, texts: list[str]) -> None:
        """Add words evicted from the window."""
        self._recent.extend(texts)
        self._recent_suppressed = False

    def end_utterance(self) -> None:
        """An utterance ended: behind a full stop the last words predict little of what follows."""
        if self._recent and ends_sentence(self._recent[-1]):
            self._recent_suppressed = True

    def suppress_recent(self) -> None:
        """The model looped: leave out the last words until new ones are evicted from the window."""
        self._recent_suppressed = True


def talk_terms(options: EngineOptions) -> tuple[str, ...]:
    """Texts whose words belong to the talk, whatever its language knows."""
    return (*options.glossary, *options.speakers, options.title, options.abstract)


def talk_text(options: EngineOptions) -> str:
    """Title, speakers, glossary and the abstract's terms as one line; "" if nothing is known."""
    terms = list(dict.fromkeys([*options.glossary, *_TERM.findall(options.abstract)]))
    parts = [options.title, ", ".join(options.speakers), ", ".join(terms)]
    return " ".join(f"{part.rstrip('.')}." for part in parts if part.strip())
