"""What a room says about its translations beside the sentences themselves. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rooms.glossary import Term
from translation.engines.hints import Formality


@dataclass(frozen=True, slots=True)
class Context:
    """`terms`: its glossary. `talk`: its title. `formality`: how the audience is addressed; "": as the settings say."""

    terms: tuple[Term, ...] = ()
    talk: str = ""
    formality: Formality = ""


NO_CONTEXT: Final = Context()
