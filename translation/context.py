"""What a room says about its translations beside the sentences themselves. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rooms.glossary import Term
from translation.engines.hints import Formality


@dataclass(frozen=True, slots=True)
class Context:
    """`terms`: its glossary. `talk`: its title. `before`: what was said just before the sentences to be translated.

    `formality`: how the audience is addressed; "": as the settings say.
    """

    terms: tuple[Term, ...] = ()
    talk: str = ""
    before: str = ""
    formality: Formality = ""


NO_CONTEXT: Final = Context()
