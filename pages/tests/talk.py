"""A talk as the processes of a running stack would write and publish it: what viewers see, without a recogniser."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from rooms.models import Room
from transcripts import live
from transcripts.events import Delays, Draft, Partial
from transcripts.models import Part, RoomState, Sentence
from transcripts.room_state import put_room_state
from transcripts.services import (
    NewSentence,
    PartTerms,
    Translation,
    add_sentences,
    add_translations,
    end_part,
    open_part,
)

SENTENCE_MS = 4000


class Talk:
    """One room, its open part, and what is said next."""

    def __init__(self, code: str = "TALK", *, lang: str = "en", **room: Any) -> None:
        self.room = Room.objects.create(
            code=code,
            **{
                "title": "Captions that people love",
                "presenters": ["Ada Lovelace"],
                "location": "Saal 1",
                **room,
            },
        )
        self.lang = lang
        self.said = 0
        self.part: Part | None = None

    def open(self, *, public: bool = True, state: str = RoomState.Name.LIVE) -> Talk:
        """A host is there."""
        terms = PartTerms(source_lang=self.lang, store=True, public=public, owner_id=None)
        self.part = open_part(room=self.room, terms=terms)
        self.said = 0
        self.state(state)
        return self

    def state(self, name: str) -> None:
        """The room's life goes on."""
        part = self._part()
        until = timezone.now() + timedelta(minutes=5) if name == RoomState.Name.GRACE else None
        put_room_state(
            RoomState(
                room=self.room, state=name, broadcast=part.broadcast, first_part=part.number, part=part.number,
                source_lang=self.lang, ready=name == RoomState.Name.LIVE, grace_until=until,
            )
        )  # fmt: skip

    def close(self) -> None:
        """The talk is over."""
        end_part(part=self._part())
        self.state(RoomState.Name.CLOSED)

    def say(self, *texts: str, ends: bool = True, spoken_at: datetime | None = None) -> list[Sentence]:
        """Finished sentences, as they are spoken."""
        new = []
        for text in texts:
            start_ms = self.said * SENTENCE_MS
            new.append(
                NewSentence(
                    start_ms=start_ms,
                    end_ms=start_ms + SENTENCE_MS - 500,
                    text=text,
                    ends=ends,
                    spoken_at=spoken_at,
                )
            )
            self.said += 1
        return add_sentences(part=self._part(), sentences=new)

    def saying(self, confirmed: str, tentative: str = "") -> None:
        """The unfinished sentence."""
        part = self._part()
        live.publish_room(
            self.room.pk,
            Partial(
                lang=self.lang, part=part.number, start_ms=self.said * SENTENCE_MS, text=confirmed + tentative,
                index=self.said, broadcast=part.broadcast, confirmed_chars=len(confirmed),
            ),
        )  # fmt: skip

    def translate(self, sentence: Sentence, lang: str, text: str) -> None:
        """A translation comes."""
        add_translations(
            part=self._part(),
            lang=lang,
            translations=[Translation(index=sentence.index, text=text, of_version=sentence.version)],
        )

    def drafting(self, lang: str, confirmed: str, tentative: str = "", *, index: int | None = None) -> None:
        """A translation of the unfinished sentence; `index`: of its first piece, where some of it is stored."""
        part = self._part()
        live.publish_room(
            self.room.pk,
            Draft(
                lang=lang, part=part.number, index=self.said if index is None else index, start_ms=self.said * SENTENCE_MS, of_chars=1,
                text=confirmed + tentative, confirmed_chars=len(confirmed), broadcast=part.broadcast,
            ),
        )  # fmt: skip

    def delays(self, transcription_s: float, translation_s: float | None = None) -> None:
        """How late text is."""
        live.publish_room(self.room.pk, Delays(transcription_s, translation_s))

    def translates_no_more(self, *langs: str) -> None:
        """The room's quota is used up; without languages it goes on."""
        live.publish_room(self.room.pk, Delays(stopped=langs))

    def _part(self) -> Part:
        assert self.part is not None
        return self.part
