"""Rooms in which things were said, for tests."""

from __future__ import annotations

from collections.abc import Collection

from rooms.models import Room
from transcripts.models import Part, Sentence
from transcripts.services import NewSentence, PartTerms, add_sentences, open_part
from translation.models import Demand


def spoken_part(code: str = "HALL1", *, lang: str = "en", store: bool = True) -> Part:
    """A room that somebody speaks in."""
    room, _ = Room.objects.get_or_create(code=code, defaults={"title": code})
    return open_part(room=room, terms=PartTerms(lang, store=store, public=True, owner_id=None))


def say(part: Part, *texts: str, goes_on: Collection[int] = ()) -> list[Sentence]:
    """Finished sentences, 2 s each; those of these numbers go on in the next one."""
    start = Sentence.objects.filter(part=part, track__lang=part.source_lang).count()
    return add_sentences(
        part=part,
        sentences=[
            NewSentence(2000 * (start + n), 2000 * (start + n + 1), text, ends=n not in goes_on)
            for n, text in enumerate(texts)
        ],
    )


def read(part: Part, lang: str) -> dict[int, str]:
    """Index → text of what the part has in a language."""
    rows = Sentence.objects.filter(part=part, track__lang=lang).order_by("index")
    return dict(rows.values_list("index", "text"))


def demand(part: Part, *langs: str, seconds: float = 60) -> None:
    """Somebody reads these languages."""
    from datetime import timedelta

    from django.utils import timezone

    for lang in langs:
        Demand.objects.update_or_create(
            room_id=part.room_id, lang=lang, holder="test",
            defaults={"expires_at": timezone.now() + timedelta(seconds=seconds)},
        )  # fmt: skip
