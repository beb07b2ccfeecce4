"""Reads of translation: which languages can be read, which are, and what is missing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db.models import F, QuerySet
from django.utils import timezone

from transcripts.models import Part, Sentence
from translation import chain, circuit
from translation.engines import codes
from translation.models import Cycle, Demand, PinnedLanguage
from translation.pacing import Key, Spoken

OFFER_LASTS_S: Final = 3.0
DELAY_MEAN_OF: Final = 4


@dataclass(frozen=True, slots=True)
class Window:
    """Spoken sentences in reading order, and of which version their translations are."""

    spoken: list[Spoken]
    translated: dict[Key, int]
    parts: dict[int, Part]


class _Offer:
    """The languages on offer, shared for a few seconds: every socket and every room list asks."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._at = float("-inf")
        self._env: object = None
        self._langs: list[str] = []

    def langs(self) -> list[str]:
        with self._lock:
            if self._env is not settings.ENV or self._clock() - self._at > OFFER_LASTS_S:
                self._langs, self._env, self._at = _target_langs(), settings.ENV, self._clock()
            return self._langs


_offer = _Offer()


def target_langs() -> list[str]:
    """Languages on offer to viewers: the spoken ones, and what the engines make of those.

    Remote engines count with what they offered last: a blip takes nothing away.
    """
    return _offer.langs()


def _target_langs() -> list[str]:
    spoken: list[str] = settings.ENV.source_langs
    known = circuit.states()
    sources = {codes.canonical(lang) for lang in spoken}
    made = {
        target
        for engine in chain.engines()
        for source, target in circuit.pairs_of(engine, known)
        if source in sources
    }
    return sorted({*spoken, *(lang for lang in made if lang not in sources)})


def engine_answers() -> bool:
    """Whether every engine of this deployment is in use and has answered a translation worker lately."""
    known = circuit.states()
    return all(circuit.answers(known.get(engine.name)) for engine in chain.engines())


def demanded_langs(room_id: int) -> set[str]:
    """Languages that somebody reads in this room, or that are pinned there; the spoken one may be among them."""
    leased = Demand.objects.filter(room_id=room_id, expires_at__gt=timezone.now())
    pinned = PinnedLanguage.objects.filter(room_id=room_id)
    rows = leased.order_by().values_list("lang").union(pinned.order_by().values_list("lang"))
    return {lang for (lang,) in rows}


def is_demanded(room_id: int, lang: str) -> bool:
    """Whether somebody reads this language in this room, or an admin pinned it."""
    return lang in demanded_langs(room_id)


def newest_window(room_id: int, lang: str, *, newest: int) -> Window:
    """The newest sentences of the room's present opening. What was spoken in `lang` itself is left out."""
    parts = Part.objects.filter(room_id=room_id, opening=_last_opening(room_id))
    rows = _spoken(parts).order_by("-part__number", "-index")[:newest]
    return _window(list(reversed(rows)), lang, parts)


def whole_part(part: Part, lang: str) -> Window:
    """All sentences of a part."""
    parts = Part.objects.filter(pk=part.pk)
    return _window(list(_spoken(parts).order_by("index")), lang, parts)


def langs_of(part: Part) -> set[str]:
    """Languages that the part has translations in."""
    tracks = Sentence.objects.filter(part=part, of_version__isnull=False).values_list(
        "track__lang", flat=True
    )
    return set(tracks.distinct())


def room_delay_s(room_id: int) -> float | None:
    """Seconds from sentence to translation: mean of the room's last four, or what waits longer because of an engine."""
    rows = Cycle.objects.filter(room_id=room_id, part=None).values_list("delays", "waiting_s")
    return delay_s(list(rows))


def delay_s(cycles: Sequence[tuple[list[list[float]], float]]) -> float | None:
    """`room_delay_s` of the cycles' last delays, [unix time, seconds] each, and what waits in each."""
    last = sorted(delay for delays, _ in cycles for delay in delays)[-DELAY_MEAN_OF:]
    waiting = max((waiting for _, waiting in cycles), default=0.0)
    if not last and not waiting:
        return None
    return round(max(sum(delay[1] for delay in last) / max(len(last), 1), waiting), 2)


def _last_opening(room_id: int) -> QuerySet[Part, Any]:
    return Part.objects.filter(room_id=room_id).order_by("-number").values("opening")[:1]


def _spoken(parts: QuerySet[Part]) -> QuerySet[Sentence]:
    return Sentence.objects.filter(part__in=parts, track__lang=F("part__source_lang"))


def _window(rows: Sequence[Sentence], lang: str, parts: QuerySet[Part]) -> Window:
    by_pk = {part.pk: part for part in parts}
    spoken = [
        Spoken(
            (row.part_id, row.index), row.version, row.text, by_pk[row.part_id].source_lang,
            row.created_at.timestamp(),
        )
        for row in rows
        if not codes.same(by_pk[row.part_id].source_lang, lang)
    ]  # fmt: skip
    translated = {
        (part_id, index): version or 0
        for part_id, index, version in Sentence.objects.filter(
            part__in=by_pk, track__lang=lang, of_version__isnull=False,
            index__gte=min((item.key[1] for item in spoken), default=0) if len(by_pk) == 1 else 0,
        ).values_list("part_id", "index", "of_version")
    }  # fmt: skip
    return Window(spoken, translated, by_pk)
