"""Searching long sentences, which are stored in pieces: words of different pieces stand in no row together.

Of the pieces that hold any of the words the newest are put together with their neighbours, and PostgreSQL compares the whole
sentences as it does what is encrypted (encrypted_search.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import reduce
from operator import or_
from typing import Any, Final, cast

from django.contrib.postgres.aggregates import StringAgg
from django.contrib.postgres.search import SearchQuery
from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Coalesce

from transcripts.encrypted_search import Match, containing, holding
from transcripts.models import Sentence

PIECES_MOST: Final = 5_000
_LEXEMES = """
SELECT lang, array_agg(lexeme) FROM unnest(%(langs)s::text[]) AS asked(lang),
  LATERAL unnest(to_tsvector(transcript_search_config(lang), %(words)s)) GROUP BY lang HAVING count(*) > 1
"""


class _AnyWord(SearchQuery):
    """Any of these lexemes, in sentences of one language."""

    template = "%(expressions)s::tsquery"

    def __init__(self, lang: str, lexemes: Sequence[str]) -> None:
        super().__init__(Value(""))
        words = " | ".join(map(_quoted, lexemes))
        self.function = None
        self.set_source_expressions([Value(f"({words}) & {_quoted(f'<{lang}>')}")])


def any_word(words: str, langs: Collection[str]) -> SearchQuery | None:
    """What finds pieces that hold one of several words; None: there are not several."""
    with connection.cursor() as cursor:
        cursor.execute(_LEXEMES, {"langs": sorted(langs), "words": words})
        queries: list[Any] = [_AnyWord(lang, lexemes) for lang, lexemes in cursor.fetchall()]
    return cast(SearchQuery, reduce(or_, queries)) if queries else None


def beginnings(words: str) -> Q:
    """Pieces that may end within words of a language that is written without spaces."""
    found = Q()
    for length in range(1, len(words)):
        found |= Q(ends=False, text__iendswith=words[:length])
    return found


def spanning(
    pieces: QuerySet[Sentence], found: QuerySet[Sentence], words: str, *, unspaced: bool
) -> list[Match]:
    """Sentences that hold the words as a whole and in none of their pieces, best first.

    `pieces`: that hold a part of them; `found`: what holds all of them.
    """
    wholes = _wholes(pieces, "" if unspaced else " ")
    by_lang: dict[str, list[Match]] = defaultdict(list)
    for match in wholes:
        by_lang[match.lang].append(match)
    hold = containing if unspaced else holding
    matched = {_place(match): match for lang, said in by_lang.items() for match in hold(said, lang, words)}
    keys = {
        key: place for match, keys in wholes.items() if (place := _place(match)) in matched for key in keys
    }
    for key in found.filter(pk__in=keys).values_list("pk", flat=True):
        matched.pop(keys[key], None)
    return sorted(matched.values(), key=lambda match: (-match.rank, match.start_ms))


def _wholes(pieces: QuerySet[Sentence], between: str) -> dict[Match, list[int]]:
    """The newest of these pieces that are not all of their sentence: whole sentences, and the keys of those pieces."""
    track = Sentence.objects.filter(track=OuterRef("track"), part=OuterRef("part")).order_by()
    before = track.filter(index__lt=OuterRef("index"), ends=True).order_by("-index")
    behind = track.filter(index__gte=OuterRef("index"), ends=True).order_by("index")
    whole = track.filter(index__gte=OuterRef("first"), index__lte=OuterRef("last")).values("part")
    text = StringAgg("text", between, order_by="index", output_field=TextField())
    newest = (
        pieces.filter(
            Q(ends=False) | Exists(track.filter(index=OuterRef("index") - 1, ends=False)), of_version=None
        )
        .annotate(first=Coalesce(Subquery(before.annotate(next=F("index") + 1).values("next")[:1]), Value(0)))
        .annotate(last=Coalesce(Subquery(behind.values("index")[:1]), Value(2**31 - 1)))
        .annotate(begins_ms=Subquery(track.filter(index=OuterRef("first")).values("start_ms")[:1]))
        .annotate(whole=Subquery(whole.annotate(joined=text).values("joined")))
        .order_by("-pk")[:PIECES_MOST]
    )
    found: dict[Match, list[int]] = defaultdict(list)
    fields = ("pk", "part__room_id", "part__number", "first", "search_lang", "begins_ms", "whole")
    for key, *match in newest.values_list(*fields):
        found[Match(*match)].append(key)
    return found


def _place(match: Match) -> tuple[int, int, int, str]:
    return match.room_id, match.part, match.index, match.lang


def _quoted(lexeme: str) -> str:
    """As a tsquery is written: words of a language hold any letters, and apostrophes."""
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
