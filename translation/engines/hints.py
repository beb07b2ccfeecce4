"""What is known of a talk beside its sentences, for engines that can use it (a language model's prompt)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, runtime_checkable

from translation.engines.base import Engine

Formality = Literal["", "formal", "informal"]


@dataclass(frozen=True, slots=True)
class Hints:
    """`talk`: its title. `before`: what was said just before. `terms`: (as spoken, as it must read).

    `formality`: how the audience is addressed; "": as the settings say.
    """

    talk: str = ""
    before: str = ""
    terms: tuple[tuple[str, str], ...] = ()
    formality: Formality = ""


NO_HINTS: Final = Hints()


@runtime_checkable
class TakesHints(Protocol):
    """An engine that can use them."""

    def translate_with(self, texts: Sequence[str], source: str, target: str, hints: Hints) -> list[str]:
        """As `Engine.translate`."""
        ...


def ask(engine: Engine, texts: Sequence[str], source: str, target: str, hints: Hints) -> list[str]:
    """Translate, with the hints where the engine takes them. Raises EngineError."""
    if isinstance(engine, TakesHints) and hints != NO_HINTS:
        return engine.translate_with(texts, source, target, hints)
    return engine.translate(texts, source, target)
