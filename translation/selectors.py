"""Reads of translation: which languages can be read, which are, and what is missing."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from transcripts.models import Part, Sentence, Track
from transcripts.pieces import newest_of, unfinished_sentence
from transcripts.sentences import in_sentences
from transcripts.text import joined
from translation import chain, circuit
from translation.engines import codes
from translation.models import Demand, Job, PairState, PinnedLanguage
from translation.pacing import Key, Spoken
from translation.quota import QUOTA

OFFER_LASTS_S: Final = 3.0
DELAY_MEAN_OF: Final = 4
PIECES_MOST: Final = 20  # of a sentence that was said before: a longer one is not looked at


@dataclass(frozen=True, slots=True)
class SentenceWindow:
    """Finished sentences in reading order, and the version that the translation of each piece is of."""

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
    """Languages on offer to viewers: the spoken ones, and those that engines translate them into.

    Remote engines count with their last known pairs: a short outage removes nothing.
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
    known, engines = circuit.states(), chain.engines()
    names = [engine.name for engine in engines]
    if PairState.objects.filter(engine__in=names, opened_at__isnull=False).exists():
        return False
    return all(circuit.answers(known.get(name)) for name in names)


def demanded_langs(room_id: int) -> set[str]:
    """Languages that somebody reads in this room, or that are pinned there; the spoken one may be among them."""
    leased = Demand.objects.filter(room_id=room_id, expires_at__gt=timezone.now())
    pinned = PinnedLanguage.objects.filter(room_id=room_id)
    rows = leased.order_by().values_list("lang").union(pinned.order_by().values_list("lang"))
    return {lang for (lang,) in rows}


def is_demanded(room_id: int, lang: str) -> bool:
    """Whether somebody reads this language in this room, or an admin pinned it."""
    return lang in demanded_langs(room_id)


@dataclass(frozen=True, slots=True)
class DraftsWanted:
    """The languages in which somebody is shown drafts of what is being said in a room."""

    source_lang: str
    langs: frozenset[str]


def drafts_wanted() -> dict[int, DraftsWanted]:
    """Room → the languages of its drafts, where it is open. One query."""
    newest = Part.objects.filter(room=OuterRef("room")).order_by("-number")
    shown = Demand.objects.filter(drafts__gt=0, expires_at__gt=timezone.now()).order_by()
    shown = shown.annotate(
        source=Subquery(newest.values("source_lang")[:1]), is_over=Subquery(newest.values("ended_at")[:1])
    )
    rooms: dict[int, tuple[str, set[str]]] = {}
    rows = shown.filter(source__isnull=False, is_over=None)
    for room_id, source, lang in rows.values_list("room_id", "source", "lang").distinct():
        if not codes.same(source, lang):
            rooms.setdefault(room_id, (source, set()))[1].add(lang)
    return {room_id: DraftsWanted(source, frozenset(langs)) for room_id, (source, langs) in rooms.items()}


@dataclass(frozen=True, slots=True)
class SaidBefore:
    """What is stored of the sentence that goes on at a place, in order (nothing where one begins there), and of the one before it."""

    pieces: list[Sentence]
    sentence: list[Sentence]


def said_before(room_id: int, *, part: int, index: int) -> SaidBefore:
    """What is stored before this place, where a sentence is being said."""
    found = Part.objects.filter(room_id=room_id, number=part).first()
    if found is None:
        return SaidBefore([], [])
    pieces = [
        piece for piece in unfinished_sentence(found) if piece.index < index and piece.removed_at is None
    ]
    first = pieces[0].index if pieces else index
    newest = list(_spoken([found]).filter(index__lt=first).order_by("-index")[:PIECES_MOST])
    more = list(itertools.takewhile(lambda piece: not piece.ends, newest[1:]))
    return SaidBefore(pieces, [*reversed(more), *newest[:1]] if newest and newest[0].ends else [])


def newest_window(room_id: int, lang: str, *, newest: int) -> SentenceWindow:
    """`newest_windows` of one language."""
    return newest_windows(room_id, [lang], newest=newest)[lang]


def newest_windows(
    room_id: int, langs: Collection[str], *, newest: int, translated_versions: Mapping[str, int] | None = None
) -> dict[str, SentenceWindow]:
    """The newest sentences of the room's present broadcast, behind older ones whose translation is outdated.

    Per language without the sentences spoken in it. `translated_versions`: per spoken track the version up to which
    nothing is outdated; outdated ones are searched above it.
    """
    parts = Part.objects.filter(room_id=room_id, broadcast=_last_broadcast(room_id)).order_by("number")
    by_pk = {part.pk: part for part in parts}
    spoken = _spoken(by_pk.values())
    rows = list(spoken.filter(newest_of(spoken, newest)).order_by("part__number", "index"))
    corrected = _corrected(by_pk.values(), langs, translated_versions or {}, without=[row.pk for row in rows])
    oldest = itertools.islice(in_sentences(corrected, _place), newest)
    return _windows([*itertools.chain(*oldest), *rows], langs, by_pk)


def spoken_versions(room_id: int) -> dict[str, int]:
    """The version of each track that is spoken in the room, or was."""
    langs = Part.objects.filter(room_id=room_id).order_by().values("source_lang")
    tracks = Track.objects.filter(room_id=room_id, lang__in=langs).order_by()
    return dict(tracks.values_list("lang", "version"))


def whole_part(part: Part, lang: str) -> SentenceWindow:
    """All sentences of a part."""
    return _windows(list(_spoken([part]).order_by("index")), [lang], {part.pk: part})[lang]


def langs_of(part: Part) -> set[str]:
    """Languages that the part has translations in."""
    tracks = Sentence.objects.filter(part=part, of_version__isnull=False).values_list(
        "track__lang", flat=True
    )
    return set(tracks.distinct())


def room_delay_s(room_id: int) -> float | None:
    """Seconds from sentence to translation: mean of the room's last four, or the age of what waits longer."""
    rows = Job.objects.filter(room_id=room_id, part=None).values_list("delays", "waiting_s")
    return delay_s(list(rows))


def stopped_langs(room_id: int) -> tuple[str, ...]:
    """Languages into which nothing of what is said there is translated any more today: the room's quota is used up."""
    jobs = Job.objects.filter(room_id=room_id, part=None, last_error=QUOTA)
    return tuple(jobs.order_by("lang").values_list("lang", flat=True))


def delay_s(jobs: Sequence[tuple[list[list[float]], float]]) -> float | None:
    """`room_delay_s` of the jobs' last delays, [unix time, seconds] each, and the age of what waits."""
    last = sorted(delay for delays, _ in jobs for delay in delays)[-DELAY_MEAN_OF:]
    waiting = max((waiting for _, waiting in jobs), default=0.0)
    if not last and not waiting:
        return None
    return round(max(sum(delay[1] for delay in last) / max(len(last), 1), waiting), 2)


def _last_broadcast(room_id: int) -> QuerySet[Part, Any]:
    return Part.objects.filter(room_id=room_id).order_by("-number").values("broadcast")[:1]


def _spoken(parts: Collection[Part]) -> QuerySet[Sentence]:
    return Sentence.objects.filter(part__in=parts, track__lang=F("part__source_lang"))


def _corrected(
    parts: Collection[Part],
    langs: Collection[str],
    translated_versions: Mapping[str, int],
    *,
    without: Collection[int],
) -> list[Sentence]:
    """Spoken sentences with an outdated translation into one of `langs`, in reading order."""
    changed = Q()
    for source in {part.source_lang for part in parts}:
        changed |= Q(track__lang=source, version__gt=translated_versions.get(source, 0))
    outdated = Sentence.objects.filter(
        part=OuterRef("part"),
        index=OuterRef("index"),
        track__lang__in=langs,
        of_version__lt=OuterRef("version"),
    )
    found = _spoken(parts).filter(changed, Exists(outdated)).exclude(pk__in=without)
    return list(found.order_by("part__number", "index")) if parts else []


def _windows(
    rows: Sequence[Sentence], langs: Collection[str], by_pk: Mapping[int, Part]
) -> dict[str, SentenceWindow]:
    translated: dict[str, dict[Key, int]] = {lang: {} for lang in langs}
    for lang, part_id, index, version in (
        Sentence.with_removed.filter(  # one that was removed by hand is not made again
            part__in={row.part_id for row in rows}, index__in={row.index for row in rows},
            track__lang__in=langs, of_version__isnull=False,
        ).order_by().values_list("track__lang", "part_id", "index", "of_version")
    ):  # fmt: skip
        translated[lang][part_id, index] = version or 0
    sentences = in_sentences(rows, _place)
    spoken = [_whole(pieces, by_pk[pieces[0].part_id]) for pieces in sentences if _is_whole(pieces, by_pk)]
    return {
        lang: SentenceWindow(
            [item for item in spoken if not codes.same(item.source_lang, lang)], translated[lang], dict(by_pk)
        )
        for lang in langs
    }


def _is_whole(pieces: Sequence[Sentence], by_pk: Mapping[int, Part]) -> bool:
    """Nothing comes of it any more."""
    return pieces[-1].ends or by_pk[pieces[-1].part_id].ended_at is not None


def _whole(pieces: Sequence[Sentence], part: Part) -> Spoken:
    first, *more = pieces
    return Spoken(
        _place(first), first.version, joined((piece.text for piece in pieces), part.source_lang), part.source_lang,
        pieces[-1].created_at.timestamp(), tuple((_place(piece), piece.version) for piece in more), first.line,
    )  # fmt: skip


def _place(row: Sentence) -> Key:
    return row.part_id, row.index
