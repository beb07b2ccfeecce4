"""How a room is translated, for operators and their scripts: GET and PUT /api/live/X/translation."""

from __future__ import annotations

from typing import Literal, cast

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control
from ninja import Field, Router, Schema

from asr.rooms.operating import Operator
from pages.live import as_operator
from rooms.audit import note_act
from rooms.models import Room
from rooms.selectors import room_by_code, spoken_lang
from transcripts.selectors import room_now
from translation import chain
from translation.offers import langs_in
from translation.quota import used_today
from translation.room_settings import MOST_CHARS_PER_DAY, Chosen, choose, chosen_for, room_settings

router = Router(auth=as_operator)


class TranslationBody(Schema):
    """What is chosen. `engines`: in their order, and no other is asked; empty: all. `chars_per_day` null: as the settings say; 0: no limit."""

    model_config = {"extra": "forbid"}

    engines: list[str] = Field([], max_length=20)
    formality: Literal["", "formal", "informal"] = ""
    chars_per_day: int | None = Field(None, ge=0, le=MOST_CHARS_PER_DAY)


class TranslationView(Schema):
    """What is chosen, what there is to choose from, and what comes of it."""

    engines: list[str]
    formality: str
    chars_per_day: int | None
    known_engines: list[str]
    quota: int  # in force: characters a day; 0: no limit
    chars_today: int
    langs: list[str]  # that the room can be read in now, the spoken one first


@router.get("/live/{code}/translation", response=TranslationView)
def translation(request: HttpRequest, code: str, response: HttpResponse) -> TranslationView:
    """As it is."""
    patch_cache_control(response, no_store=True)
    return _view(room_by_code(code))


@router.put("/live/{code}/translation", response=TranslationView)
def change_translation(request: HttpRequest, code: str, body: TranslationBody) -> TranslationView:
    """From now on so; what was stopped is tried again at once."""
    room = room_by_code(code)
    operator = cast(Operator, request.auth)  # type: ignore[attr-defined]  # django-ninja's
    with transaction.atomic():
        choose(room, Chosen(tuple(body.engines), body.formality, body.chars_per_day))
        note_act(operator.user.pk, room, "Changed how it is translated.")
    return _view(room)


def _view(room: Room) -> TranslationView:
    chosen = chosen_for(room)
    return TranslationView(
        engines=list(chosen.engines),
        formality=chosen.formality,
        chars_per_day=chosen.chars_per_day,
        known_engines=[engine.name for engine in chain.engines()],
        quota=room_settings(room.pk).chars_per_day,
        chars_today=used_today(room.pk),
        langs=langs_in(room.pk, room_now(room.pk).state.source_lang or spoken_lang(room)),
    )
