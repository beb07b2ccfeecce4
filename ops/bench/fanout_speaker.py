"""Two updates a second for one room, and when each was committed: a partial, and a sentence with its translations.

python -m ops.bench.fanout_speaker      reads commands, a JSON line each, and answers each with what it said

{"room", "langs", "seconds", "groups"}  `groups`: by plain Channels groups instead of the services, the same texts
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import django

SPOKEN = "en"
UPDATE_EVERY_S = 0.5
WORDS = "the audience in the back row reads what is being said on the stage with hardly any delay"


@dataclass(frozen=True, slots=True)
class Said:
    """One update. `at_s`: CLOCK_MONOTONIC, at its commit; a partial's, which has none, when it was published."""

    marker: int
    lang: str
    durable: bool
    at_s: float


class Speech:
    """Says things and notes when."""

    def __init__(self) -> None:
        self._marker = 0
        self.said: list[Said] = []

    def text(self, lang: str, *, durable: bool) -> tuple[str, Callable[[], None]]:
        """A text that nobody said before, and what is to be called at its commit."""
        self._marker += 1
        return f"#{self._marker}# {WORDS} ({lang}).", partial(self._note, self._marker, lang, durable)

    def _note(self, marker: int, lang: str, durable: bool) -> None:
        self.said.append(Said(marker, lang, durable, time.monotonic()))


def beats(seconds: float) -> Iterator[int]:
    """0, 1, 2 … at the pace of the updates."""
    began = time.monotonic()
    for number in range(round(seconds / UPDATE_EVERY_S)):
        time.sleep(max(0.0, began + UPDATE_EVERY_S * number - time.monotonic()))
        yield number


class ServiceSpeaker:
    """As the recogniser's and the translation's processes do."""

    def __init__(self, room: str, langs: list[str]) -> None:
        from rooms.models import Room
        from transcripts.models import RoomState
        from transcripts.room_state import put_room_state
        from transcripts.services import PartTerms, open_part

        self._langs = [lang for lang in langs if lang != SPOKEN]
        found = Room.objects.get(code=room)
        self._part = open_part(room=found, terms=PartTerms(SPOKEN, store=True, public=True, owner_id=None))
        self._index = 0
        number, broadcast = self._part.number, self._part.broadcast
        put_room_state(
            RoomState(
                room=found, state=RoomState.Name.LIVE, broadcast=broadcast, first_part=number, part=number,
                source_lang=SPOKEN,
            )
        )  # fmt: skip

    def durable(self, speech: Speech) -> None:
        """A sentence in its own transaction, then its translations in theirs."""
        from django.db import transaction

        from transcripts.services import NewSentence, Translation, add_sentences, add_translations_by_lang

        text, committed = speech.text(SPOKEN, durable=True)
        start_ms = round(1000 * 2 * UPDATE_EVERY_S * self._index)
        with transaction.atomic():
            transaction.on_commit(committed)
            (row,) = add_sentences(part=self._part, sentences=[NewSentence(start_ms, start_ms + 900, text)])
        self._index = row.index + 1
        if self._langs:
            with transaction.atomic():
                made = {}
                for lang in self._langs:
                    text, committed = speech.text(lang, durable=True)
                    transaction.on_commit(committed)
                    made[lang] = [Translation(row.index, text, row.version)]
                add_translations_by_lang(part=self._part, translations=made)

    def passing(self, speech: Speech) -> None:
        """The unfinished words."""
        from transcripts.events import Partial
        from transcripts.live import publish_room

        text, published = speech.text(SPOKEN, durable=False)
        published()
        event = Partial(SPOKEN, self._part.number, 0, text, self._index, self._part.broadcast, 40)
        publish_room(self._part.room_id, event)


def group_layer() -> Any:
    """The lighter one of channels_redis (the other costs a quarter more and loses events)."""
    from channels_redis.pubsub import RedisPubSubChannelLayer
    from django.conf import settings

    return RedisPubSubChannelLayer(hosts=[settings.REDIS_URL], prefix="bench")


def group(room: str, lang: str) -> str:
    """The group of one track."""
    return f"bench.{room}.{lang}"


class GroupSpeaker:
    """The same texts by plain Channels groups."""

    def __init__(self, room: str, langs: list[str]) -> None:
        self._layer = group_layer()
        self._group = partial(group, room)
        self._langs = [SPOKEN, *(lang for lang in langs if lang != SPOKEN)]
        self._version = 0
        self._runner = asyncio.Runner()

    def durable(self, speech: Speech) -> None:
        """A sentence to each group."""
        self._version += 1
        for lang in self._langs:
            text, committed = speech.text(lang, durable=True)
            committed()
            fields = {
                "lang": lang, "version": self._version, "part": 1, "index": self._version, "start_ms": 1000,
                "end_ms": 1900, "speaker": -1, "text": text, "ends": True,
            }  # fmt: skip
            self._send(lang, {"type": "sentence", **fields})

    def passing(self, speech: Speech) -> None:
        """The unfinished words."""
        text, published = speech.text(SPOKEN, durable=False)
        published()
        fields = {"lang": SPOKEN, "part": 1, "index": self._version, "start_ms": 0, "confirmed": text[:40]}
        self._send(SPOKEN, {"type": "partial", **fields, "tentative": text[40:]})

    def _send(self, lang: str, fields: dict[str, Any]) -> None:
        message = {"type": "caption", "text": json.dumps(fields, separators=(",", ":"))}
        self._runner.run(self._layer.group_send(self._group(lang), message))


def main() -> None:
    """Until there are no more commands."""
    django.setup()
    from transcripts.live import flush

    speech = Speech()
    speakers: dict[str, ServiceSpeaker | GroupSpeaker] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        room = asked["room"]
        if room not in speakers:
            make = GroupSpeaker if asked["groups"] else ServiceSpeaker
            speakers[room] = make(room, asked["langs"])
        for number in beats(asked["seconds"]):
            (speakers[room].passing if number % 2 else speakers[room].durable)(speech)
        flush()
        sys.stdout.write(json.dumps([asdict(said) for said in speech.said]) + "\n")
        sys.stdout.flush()
        speech.said.clear()


if __name__ == "__main__":
    main()
