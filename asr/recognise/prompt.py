"""The decoder's prompt: the talk's words, what others said, and the last committed words. Bounded."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable

from .options import EngineOptions
from .text import ends_sentence, has_letters, normalised

TALK_TOKENS = 60
RECENT_TOKENS = 60
RECENT_WORDS = 60
SHARED_SENTENCES = 2
SHARED_TOKENS = 100
_TERM = re.compile(r"\b(?:[A-ZÄÖÜ][\w-]*[A-Z\d][\w-]*|[A-Z]{2,}\w*|\w+[A-Z]\w*|\w+\d\w*)\b")


class SharedPrompt:
    """The last two finished sentences of a meeting, whoever said them."""

    def __init__(self) -> None:
        self._finals: deque[tuple[Voice, str, int]] = deque(maxlen=SHARED_SENTENCES)

    def voice(self) -> Voice:
        """One more who speaks."""
        return Voice(self._finals)


class Voice:
    """What one who speaks adds to the shared prompt, and reads of it."""

    def __init__(self, finals: deque[tuple[Voice, str, int]]) -> None:
        self._finals = finals

    def add(self, text: str, end_ms: int) -> None:
        """A sentence is finished; `end_ms`: in this one's own audio."""
        if has_letters(text):
            self._finals.append((self, text.strip(), end_ms))

    def text(self, before_ms: int) -> str:
        """All of it but one's own behind a time: the decoder's window holds that."""
        return " ".join(
            text for voice, text, end_ms in self._finals if voice is not self or end_ms <= before_ms
        )


class Prompt:
    """Prompt tokens of one stream; `encode` is the model's tokenizer, `voice` its part in a shared prompt."""

    def __init__(
        self, options: EngineOptions, encode: Callable[[str], list[int]], voice: Voice | None = None
    ) -> None:
        self._encode = encode
        self._voice = voice
        self._on = options.prompt
        text = talk_text(options)
        self._talk = tuple(encode(" " + text)[:TALK_TOKENS]) if text and options.prompt else ()
        self._recent: deque[str] = deque(maxlen=RECENT_WORDS)
        self._recent_suppressed = False
        self._looped = False

    @property
    def recent(self) -> list[str]:
        """The last committed words outside the window, normalised."""
        return [normalised(text) for text in self._recent]

    @property
    def at_sentence_start(self) -> bool:
        """No words precede the window, or a sentence ended there."""
        return not self._recent or ends_sentence(self._recent[-1])

    def tokens(self, window_start_ms: int = 0) -> tuple[int, ...]:
        """Prompt for the next decode: the talk, then the last committed words if the sentence goes on.

        In a meeting what was said last by anybody stands between them.
        """
        if not self._on:
            return ()
        if self._voice is not None:
            return (*self._talk, *self._meeting(self._voice.text(window_start_ms)))
        if self._recent_suppressed:
            return self._talk
        recent = self._encode("".join(self._recent))[-RECENT_TOKENS:] if self._recent else []
        return (*self._talk, *recent)

    def _meeting(self, said: str) -> list[int]:
        """The last two sentences, and the words of one's own that none of them holds yet."""
        if self._looped:
            return []
        own: list[str] = []
        for text in () if self._recent_suppressed else reversed(self._recent):
            if ends_sentence(text):
                break
            own.insert(0, text)
        text = f"{said}{''.join(own)}".strip()
        return self._encode(f" {text}")[-SHARED_TOKENS:] if text else []

    def append(self, texts: list[str]) -> None:
        """Add words evicted from the window."""
        self._recent.extend(texts)
        self._recent_suppressed = self._looped = False

    def end_utterance(self) -> None:
        """An utterance ended: behind a full stop the last words predict little of what follows."""
        if self._recent and ends_sentence(self._recent[-1]):
            self._recent_suppressed = True

    def suppress_recent(self) -> None:
        """The model looped: leave out the last words until new ones are evicted from the window."""
        self._recent_suppressed = self._looped = True


def talk_terms(options: EngineOptions) -> tuple[str, ...]:
    """Texts whose words belong to the talk, whatever its language knows."""
    return (*options.glossary, *options.speakers, options.title, options.abstract)


def talk_text(options: EngineOptions) -> str:
    """Title, speakers, glossary and the abstract's terms as one line; "" if nothing is known."""
    terms = list(dict.fromkeys([*options.glossary, *_TERM.findall(options.abstract)]))
    parts = [options.title, ", ".join(options.speakers), ", ".join(terms)]
    return " ".join(f"{part.rstrip('.')}." for part in parts if part.strip())
