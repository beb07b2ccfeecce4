"""Writing a talk's glossary: by a host, an operator or a program of theirs; noted in the room's history."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from rooms.audit import note_act
from rooms.errors import BadInput
from rooms.glossary import LineProblem, parse
from rooms.locks import update_in_order
from rooms.models import Room


class GlossaryError(BadInput):
    """Lines that are no terms."""

    def __init__(self, problems: Sequence[LineProblem]) -> None:
        super().__init__("bad_glossary", line=problems[0].line)
        self.problems = tuple(problems)


@transaction.atomic
def set_glossary(room: Room, text: str, *, user_id: int | None) -> None:
    """From now on these are the room's terms. Raises GlossaryError."""
    text = text.replace("\r\n", "\n").strip("\n")
    if problems := parse(text).problems:
        raise GlossaryError(problems)
    if text != room.glossary:
        update_in_order(Room.objects.filter(pk=room.pk), glossary=text)
        if user_id is not None:
            note_act(user_id, room, "Changed its terms.")
        room.glossary = text
