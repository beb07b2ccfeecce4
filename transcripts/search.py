"""Full text search in stored transcripts: what is asked across rooms is asked here.

Each track is searched in the word forms of its language (migration 0004 has the index and which language has which). Pages
and APIs know `search` alone: parts whose text PostgreSQL cannot read are searched in another way (encrypted_search.py), behind it.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.search import (
    SearchHeadline,
    SearchQuery,
    SearchRank,
    SearchVectorField,
)
from django.db import OperationalError, connection, transaction
from django.db.models import (
    Count,
    Exists,
    F,
    FloatField,
    Func,
    OuterRef,
    Q,
    QuerySet,
    TextField,
    Value,
    Window,
)
from django.db.models.functions import RowNumber
from psycopg.errors import QueryCanceled

from rooms.access import Identity
from rooms.errors import BadInput, DomainError
from rooms.models import Room
from transcripts.encrypted_search import Match, marked, matches
from transcripts.models import Sentence, Track
from transcripts.piece_search import any_word, beginnings, spanning
from transcripts.selectors import readable_parts
from transcripts.text import WITHOUT_SPACES, one_line

QUERY_MOST_CHARS = 200
PAGE_ROOMS = 10
HITS_OF_A_ROOM = 3
PAGES_MOST = 50
WITHIN_S = 4.0
AT_ONCE = 4  # of a process: whoever searches a lot must not keep PostgreSQL from those who speak
_turns = threading.BoundedSemaphore(AT_ONCE)
_BEGINS, _ENDS = "\ue000", "\ue001"  # around a found word, out of PostgreSQL's hands
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


@dataclass(frozen=True, slots=True)
class Hit:
    """A sentence that was found. `snippet`: its text in stretches, True for found words."""

    part: int
    index: int
    lang: str
    start_ms: int
    snippet: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class FoundRoom:
    """A room with its best sentences, best first; `count`: how many there are."""

    room: Room
    count: int
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """One page of rooms, best first."""

    rooms: tuple[FoundRoom, ...]
    has_more: bool


def search(
    query: str,
    identity: Identity | None,
    *,
    lang: str = "",
    rooms: QuerySet[Room] | None = None,
    page: int = 1,
) -> Found:
    """Sentences that this caller may read and that hold the words of `query`, as people write them for search engines:
    "a phrase", -without, one or another. `lang`: in this language alone; `rooms`: in these rooms.

    A translation is found while it is of the present text; of what is encrypted the newest sentences are looked through. Raises BadInput (`query_too_short`, `query_too_long`), DomainError
    (`search_too_slow`, to be made narrower; `search_busy`).
    """
    words = clean_query(query)
    sentences = Sentence.objects.filter(_is_current(), part__in=readable_parts(identity))
    if rooms is not None:
        sentences = sentences.filter(part__room__in=rooms)
    encrypted = sentences.filter(part__encrypted=True, search_lang="")
    if lang:
        sentences = sentences.filter(search_lang=lang)
        encrypted = encrypted.filter(track__lang=lang)
    langs = [lang] if lang else _langs()
    found = _matching(sentences, words, langs)
    if not _turns.acquire(timeout=WITHIN_S):
        raise DomainError("search_busy", retry=True)
    try:
        with bounded(WITHIN_S):
            unspaced = _UNSPACED.search(words) is not None
            hidden = matches(encrypted, words, unspaced=unspaced, within_s=WITHIN_S)
            hidden += _in_several_pieces(sentences, found, words, langs, unspaced=unspaced)
            hidden.sort(key=lambda match: (-match.rank, match.start_ms))
            return _page(found, hidden, words, max(1, min(page, PAGES_MOST)))
    finally:
        _turns.release()


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Queries that take longer are ended. Raises DomainError (`search_too_slow`)."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(round(seconds * 1000))])
            yield
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise DomainError("search_too_slow") from None
        raise


def clean_query(query: str) -> str:
    """Raises BadInput."""
    if len(query) > QUERY_MOST_CHARS:
        raise BadInput("query_too_long", most=QUERY_MOST_CHARS)
    words = one_line(query)
    if not any(unicodedata.category(char)[0] in "LN" for char in words):
        raise BadInput("query_too_short")
    return words


class _Config(Func):
    function = "transcript_search_config"
    output_field = TextField()


class _Query(SearchQuery):
    """The words in the forms of one language, in sentences of that language alone."""

    def __init__(self, lang: str, words: str) -> None:
        super().__init__(Value(words), search_type="websearch")
        self.function = "transcript_search_query"
        self.set_source_expressions([Value(lang), Value(words)])


class _Vector(Func):
    """As the index has it."""

    function = "transcript_search_vector"
    output_field = SearchVectorField()


def _matching(sentences: QuerySet[Sentence], words: str, langs: Collection[str]) -> QuerySet[Sentence]:
    """Those that hold the words; the index alone says so."""
    if _UNSPACED.search(words):
        return sentences.filter(_of_unspaced(), text__icontains=words)
    query: Any = None
    for lang in sorted({*langs} or {""}):
        of_lang = _Query(lang, words)
        query = of_lang if query is None else query | of_lang
    return sentences.alias(vector=_Vector(F("search_lang"), F("text"))).filter(vector=query)


def _in_several_pieces(
    sentences: QuerySet[Sentence],
    found: QuerySet[Sentence],
    words: str,
    langs: Collection[str],
    *,
    unspaced: bool,
) -> list[Match]:
    """Long sentences that hold the words, one piece some of them and another the rest."""
    if unspaced:
        pieces = sentences.filter(_of_unspaced(), beginnings(words))
        return spanning(pieces, found, words, unspaced=True) if len(words) > 1 else []
    query = any_word(words, langs) if " " in words else None  # pieces end between words
    if query is None:
        return []
    pieces = sentences.alias(vector=_Vector(F("search_lang"), F("text"))).filter(vector=query)
    return spanning(pieces, found, words, unspaced=False)


def _of_unspaced() -> Q:
    """PostgreSQL finds no words where nobody puts spaces between them."""
    of_such = Q()
    for code in sorted(WITHOUT_SPACES):
        of_such |= Q(search_lang=code) | Q(search_lang__startswith=f"{code}-")
    return of_such


def _ranked(found: QuerySet[Sentence], words: str) -> QuerySet[Sentence]:
    """With `rank` and `snippet`: each sentence's text is read, so only for a few."""
    if _UNSPACED.search(words):
        return found.annotate(rank=Value(1.0, output_field=FloatField()), snippet=F("text"))
    config = _Config(F("search_lang"))
    query = SearchQuery(Value(words), config=config, search_type="websearch")
    vector = _Vector(F("search_lang"), F("text"))
    headline = SearchHeadline(
        "text", query, config=config, start_sel=_BEGINS, stop_sel=_ENDS, highlight_all=True
    )
    return found.annotate(rank=SearchRank(vector, query), snippet=headline)


def _langs() -> list[str]:
    return list(Track.objects.order_by().values_list("lang", flat=True).distinct())


def _is_current() -> Q:
    """What was spoken, and translations of its present text."""
    source = Sentence.objects.filter(
        part=OuterRef("part"), index=OuterRef("index"), version=OuterRef("of_version"), of_version=None
    )
    return Q(of_version=None) | Q(Exists(source))


def _page(found: QuerySet[Sentence], hidden: Sequence[Match], words: str, page: int) -> Found:
    """Rooms by how many of their sentences were found, the newest first among equals; then the best sentences of those.

    `hidden`: what was found beside the index: among what is encrypted, and in several pieces of a sentence.
    """
    rows = _rooms_of_page(found, hidden, page)
    counts = dict(rows[:PAGE_ROOMS])
    rooms = Room.objects.select_related("event").in_bulk(list(counts))
    best = _ranked(found.filter(part__room__in=counts), words).annotate(
        place=Window(
            RowNumber(),
            partition_by=F("part__room"),
            order_by=(F("rank").desc(), F("start_ms").asc(), F("pk").asc()),
        )
    )
    fields = ("part__room", "part__number", "index", "search_lang", "start_ms", "snippet", "rank")
    hits: dict[int, list[tuple[float, Hit]]] = {pk: [] for pk in counts}
    for room, part, index, lang, start_ms, snippet, rank in (
        best.filter(place__lte=HITS_OF_A_ROOM).order_by("part__room", "place").values_list(*fields)
    ):
        hits[room].append((rank, Hit(part, index, lang, start_ms, _stretches(snippet, words))))
    for room, rank, hit in _best_of(hidden, counts, words):
        hits[room].append((rank, hit))
    shown = tuple(FoundRoom(rooms[pk], counts[pk], _first(hits[pk])) for pk in counts if pk in rooms)
    return Found(shown, has_more=len(rows) > PAGE_ROOMS and page < PAGES_MOST)


def _rooms_of_page(found: QuerySet[Sentence], hidden: Sequence[Match], page: int) -> list[tuple[int, int]]:
    """Rooms with how many of their sentences were found, one more than the page has."""
    first = (page - 1) * PAGE_ROOMS
    by_room = (
        found.order_by().values("part__room").annotate(count=Count("pk")).order_by("-count", "-part__room")
    ).values_list("part__room", "count")
    if not hidden:
        return list(by_room[first : first + PAGE_ROOMS + 1])
    counts = Counter(match.room_id for match in hidden)
    counts.update(dict(by_room[: PAGES_MOST * PAGE_ROOMS + 1]))
    best_first = sorted(counts.items(), key=lambda room: (-room[1], -room[0]))
    return best_first[first : first + PAGE_ROOMS + 1]


def _best_of(hidden: Sequence[Match], rooms: Collection[int], words: str) -> Iterator[tuple[int, float, Hit]]:
    """Of each of these rooms so many as are shown, with their rank."""
    seen: Counter[int] = Counter()
    best = []
    for match in hidden:
        seen[match.room_id] += 1
        if match.room_id in rooms and seen[match.room_id] <= HITS_OF_A_ROOM:
            best.append(match)
    snippets = [match.text for match in best]
    if best and not _UNSPACED.search(words):
        snippets = marked(best, words, begins=_BEGINS, ends=_ENDS)
    for match, snippet in zip(best, snippets, strict=True):
        stretches = _stretches(snippet, words)
        yield match.room_id, match.rank, Hit(match.part, match.index, match.lang, match.start_ms, stretches)


def _first(hits: list[tuple[float, Hit]]) -> tuple[Hit, ...]:
    ordered = sorted(hits, key=lambda each: (-each[0], each[1].start_ms))
    return tuple(hit for _, hit in ordered[:HITS_OF_A_ROOM])


def _stretches(snippet: str, words: str) -> tuple[tuple[str, bool], ...]:
    """The text with found words apart; what PostgreSQL did not mark is marked by looking for it."""
    if _BEGINS not in snippet:
        parts: Sequence[str] = re.split(f"({re.escape(words)})", snippet, flags=re.IGNORECASE)
    else:
        parts = re.split(f"[{_BEGINS}{_ENDS}]", snippet)
    return tuple((part, bool(number % 2)) for number, part in enumerate(parts) if part)
