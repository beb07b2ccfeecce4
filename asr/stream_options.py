"""What a gateway may choose for a session without a room; kept as JSON on the session's row while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self, get_args

from asr.recognise.options import EngineOptions, Policy
from rooms.errors import BadInput

AUTO_LANG = "auto"  # as a source language: the one of the first speech
MAX_PROMPT_CHARS = 2000
MAX_KEYWORDS = 200
MAX_KEYWORD_CHARS = 100
SIMILARITY_TRIMMING_S = 15.0


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How a session is recognised, in all of its channels. Raises BadInput (`stream_options`) for what is out of bounds.

    `prompt`, `keywords`: what will be spoken about; about the first 40 words count for the decoder.
    `policy`: when words are final; None: as the settings say. The three after it belong to `similarity`.
    `buffer_trimming_s`: longer windows are cut; None: as the settings say, and 15 with `similarity`.
    `vad`: False: silence is decoded like speech, and speech never ends.
    `pause_ms`: so much silence ends a turn: all of its words, with the full stop, come before `stopped`. None: the
    engine's pause, which leaves the full stop open for what follows.
    `shared_prompt`: the last two sentences of all who speak are everybody's prompt.
    """

    prompt: str = ""
    keywords: tuple[str, ...] = ()
    policy: Policy | None = None
    qratio_threshold: float = 95.0
    fallback: bool = True
    fallback_threshold: int = 1
    buffer_trimming_s: float | None = None
    vad: bool = True
    pause_ms: int | None = None
    shared_prompt: bool = False

    def __post_init__(self) -> None:
        for name, holds in _BOUNDS.items():
            if not holds(getattr(self, name)):
                raise BadInput("stream_options", option=name)

    def as_json(self) -> dict[str, Any]:
        """What differs from the defaults."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        chosen = {name: value for name, value in values.items() if value != getattr(DEFAULTS, name)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in chosen.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """As `as_json` wrote it, of this version or another."""
        known = {field.name for field in fields(cls)}
        given = {name: value for name, value in values.items() if name in known}
        if "keywords" in given:
            given["keywords"] = tuple(given["keywords"])
        return cls(**given)

    def changed(self, engine: EngineOptions) -> EngineOptions:
        """The engine's options with these. (The prompt and the keywords come as the kind's vocabulary.)"""
        engine = replace(
            engine,
            policy=self.policy or engine.policy,
            qratio_threshold=self.qratio_threshold,
            fallback=self.fallback,
            fallback_threshold=self.fallback_threshold,
            buffer_trimming_s=self.buffer_trimming_s or engine.buffer_trimming_s,
            vac=self.vad and engine.vac,
        )
        if self.policy == "similarity":
            trimming_s = self.buffer_trimming_s or SIMILARITY_TRIMMING_S
            engine = replace(engine, buffer_trimming="first_half", buffer_trimming_s=trimming_s)
        if self.pause_ms is not None:
            engine = replace(engine, pause_ms=self.pause_ms, stop_pause_ms=self.pause_ms)
        return engine


def _is_text(value: object, most_chars: int) -> bool:
    """Text that PostgreSQL keeps."""
    if not isinstance(value, str) or len(value) > most_chars or "\0" in value:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _is_number(
    value: object, least: float, most: float, kind: type | tuple[type, ...] = (int, float)
) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and least <= value <= most  # type: ignore[operator]


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


_BOUNDS: dict[str, Callable[[Any], bool]] = {
    "prompt": lambda value: _is_text(value, MAX_PROMPT_CHARS),
    "keywords": lambda value: (
        isinstance(value, tuple)
        and len(value) <= MAX_KEYWORDS
        and all(_is_text(each, MAX_KEYWORD_CHARS) for each in value)
    ),
    "policy": lambda value: value is None or value in get_args(Policy),
    "qratio_threshold": lambda value: 0 < value <= 100 if _is_number(value, 0, 100) else False,
    "fallback": _is_bool,
    "fallback_threshold": lambda value: _is_number(value, 1, 100, int),
    "buffer_trimming_s": lambda value: value is None or _is_number(value, 2, 28),
    "vad": _is_bool,
    "pause_ms": lambda value: value is None or _is_number(value, 200, 10_000, int),
    "shared_prompt": _is_bool,
}
DEFAULTS = StreamOptions()
