"""How one room is translated: its glossary, and its own engines, formality and quota where it has any."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from rooms.errors import BadInput
from rooms.glossary import Term, parse
from rooms.locks import update_in_order
from rooms.models import Room
from translation import chain
from translation.claims import NO_ENGINE
from translation.context import NO_CONTEXT, Context
from translation.engines.base import Engine
from translation.engines.hints import Formality
from translation.models import Job, RoomTranslation
from translation.quota import QUOTA
from translation.store import publish_delay
from translation.wake import wake_up

MOST_CHARS_PER_DAY: Final = 2_000_000_000
FORMALITIES: Final = tuple(RoomTranslation.Formality.values)


@dataclass(frozen=True, slots=True)
class RoomSettings:
    """`engines`: names, empty for all. `chars_per_day`: what is in force; 0: no limit."""

    engines: tuple[str, ...] = ()
    chars_per_day: int = 0
    context: Context = NO_CONTEXT

    def chain(self) -> tuple[Engine, ...]:
        """The engines that may be asked for this room, in their order."""
        return chain.engines(self.engines)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a person chose for a room: `chars_per_day` None as the settings say."""

    engines: tuple[str, ...] = ()
    formality: str = ""
    chars_per_day: int | None = None


def room_settings(room_id: int) -> RoomSettings:
    """One query; what is not there is as the settings say."""
    row = (
        Room.objects.filter(pk=room_id)
        .values_list(
            "title",
            "glossary",
            "translation__engines",
            "translation__formality",
            "translation__chars_per_day",
        )
        .first()
    )
    if row is None:
        return RoomSettings()
    title, glossary, engines, formality, chars_per_day = cast(tuple[str, str, Any, Any, Any], row)
    return RoomSettings(
        tuple(engines or ()),
        settings.ENV.translation_room_chars_per_day if chars_per_day is None else chars_per_day,
        Context(_terms(glossary), title, cast(Formality, formality or "")),
    )


def engine_names(room_ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    """The own chains of those of these rooms that have one. One query."""
    rows = RoomTranslation.objects.filter(room__in=room_ids).exclude(engines=[])
    return {pk: tuple(engines) for pk, engines in rows.values_list("room_id", "engines")}


def chosen_for(room: Room) -> Chosen:
    """What was chosen for this room."""
    row = RoomTranslation.objects.filter(room=room).first()
    return Chosen(tuple(row.engines), row.formality, row.chars_per_day) if row else Chosen()


@transaction.atomic
def choose(room: Room, chosen: Chosen) -> None:
    """Translate this room so from now on. Raises BadInput (`unknown_engine`, `bad_formality`, `bad_quota`)."""
    check(chosen)
    row = RoomTranslation(
        room=room,
        engines=list(chosen.engines),
        formality=chosen.formality,
        chars_per_day=chosen.chars_per_day,
    )
    written = ["engines", "formality", "chars_per_day"]
    RoomTranslation.objects.bulk_create(
        [row], update_conflicts=True, unique_fields=["room"], update_fields=written
    )
    try_again(room.pk)


def check(chosen: Chosen) -> None:
    """Raises BadInput for what no room can have."""
    unknown = sorted(set(chosen.engines) - {engine.name for engine in chain.engines()})
    if unknown or len(set(chosen.engines)) != len(chosen.engines):
        raise BadInput("unknown_engine", engines=", ".join(unknown or chosen.engines))
    if chosen.formality not in FORMALITIES:
        raise BadInput("bad_formality")
    if chosen.chars_per_day is not None and not 0 <= chosen.chars_per_day <= MOST_CHARS_PER_DAY:
        raise BadInput("bad_quota")


def try_again(room_id: int) -> None:
    """After the commit: what no engine would do, or the quota stopped, may be possible now."""

    def wake() -> None:
        stopped = Job.objects.filter(room=room_id, last_error__in=(NO_ENGINE, QUOTA), token="")
        update_in_order(stopped.filter(part=None), last_error="", seen_version=0, due_at=None)
        update_in_order(stopped.filter(part__isnull=False), last_error="", due_at=timezone.now())
        publish_delay(room_id, at_once=True)
        wake_up.notify()

    transaction.on_commit(wake)


@lru_cache(maxsize=256)
def _terms(glossary: str) -> tuple[Term, ...]:
    return parse(glossary).terms
