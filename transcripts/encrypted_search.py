"""Searching what is encrypted: no index has its words, so the newest sentences are decrypted and compared, as many as are bearable.

PostgreSQL compares them, by the functions that made the index of the others: the same words are found in the same forms. What
it is asked with is in no table, log or file of it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from django.db import connection
from django.db.models import QuerySet

from rooms.errors import DomainError
from transcripts.models import Sentence
from transcripts.text import WITHOUT_SPACES, joined

SENTENCES_MOST = 10_000  # the newest: sixteen hours of speech
_BATCH = 500
_MATCH = """
WITH asked AS (SELECT transcript_search_query(%(lang)s, %(words)s) AS query,
  websearch_to_tsquery(transcript_search_config(%(lang)s), %(words)s) AS ranked)
SELECT ordinality, ts_rank(vector, ranked) FROM asked, unnest(%(texts)s::text[]) WITH ORDINALITY AS said(text, ordinality),
  LATERAL (SELECT transcript_search_vector(%(lang)s, text) AS vector) AS found WHERE vector @@ query
"""
_MARK = """
SELECT ts_headline(transcript_search_config(lang), text, websearch_to_tsquery(transcript_search_config(lang), %(words)s),
  'HighlightAll=true, StartSel=' || %(begins)s || ', StopSel=' || %(ends)s)
FROM unnest(%(langs)s::text[], %(texts)s::text[]) WITH ORDINALITY AS said(lang, text, ordinality) ORDER BY ordinality
"""


@dataclass(frozen=True, slots=True)
class Match:
    """A sentence that holds the words; `rank` as PostgreSQL has it."""

    room_id: int
    part: int
    index: int
    lang: str
    start_ms: int
    text: str
    rank: float = 1.0


def matches(sentences: QuerySet[Sentence], words: str, *, unspaced: bool, within_s: float) -> list[Match]:
    """Those of the newest SENTENCES_MOST of these encrypted sentences that hold the words, best first.

    `unspaced`: words of a language that is written without spaces. Raises DomainError (`search_too_slow`).
    """
    until_s = time.monotonic() + within_s
    found: list[Match] = []
    rows = iter(_decrypted(sentences))
    while batch := list(islice(rows, _BATCH)):
        if time.monotonic() > until_s:
            raise DomainError("search_too_slow")
        by_lang: dict[str, list[Match]] = defaultdict(list)
        for row in batch:
            by_lang[row.lang].append(row)
        for lang, said in by_lang.items():
            found += holding(said, lang, words) if not unspaced else containing(said, lang, words)
    return sorted(found, key=lambda match: (-match.rank, match.start_ms))


def marked(said: Sequence[Match], words: str, *, begins: str, ends: str) -> list[str]:
    """These sentences with their found words between these marks."""
    langs, texts = [match.lang for match in said], [match.text for match in said]
    with connection.cursor() as cursor:
        cursor.execute(
            _MARK, {"langs": langs, "texts": texts, "words": words, "begins": begins, "ends": ends}
        )
        return [str(text) for (text,) in cursor.fetchall()]


def _decrypted(sentences: QuerySet[Sentence]) -> Iterator[Match]:
    """Whole sentences: those that are stored in pieces are put together."""
    fields = ("part__room_id", "part__number", "index", "track__lang", "start_ms", "text", "ends")
    rows = sentences.order_by("-pk").values_list(*fields)[:SENTENCES_MOST]
    pieces: list[Match] = []
    for *piece, ends in sorted(rows, key=lambda row: (row[0], row[1], row[3], row[2])):
        match = Match(*piece)
        if pieces and not _goes_on(pieces[-1], match):
            yield _whole(pieces)
            pieces = []
        pieces.append(match)
        if ends:
            yield _whole(pieces)
            pieces = []
    if pieces:
        yield _whole(pieces)


def _goes_on(piece: Match, following: Match) -> bool:
    place = (piece.room_id, piece.part, piece.lang, piece.index + 1)
    return place == (following.room_id, following.part, following.lang, following.index)


def _whole(pieces: Sequence[Match]) -> Match:
    first = pieces[0]
    return replace(first, text=joined([piece.text for piece in pieces], first.lang))


def holding(said: Sequence[Match], lang: str, words: str) -> Iterable[Match]:
    """Those of these sentences of a language that hold the words, with their rank."""
    with connection.cursor() as cursor:
        cursor.execute(_MATCH, {"lang": lang, "words": words, "texts": [match.text for match in said]})
        for ordinality, rank in cursor.fetchall():
            yield replace(said[ordinality - 1], rank=float(rank))


def containing(said: Sequence[Match], lang: str, words: str) -> Iterable[Match]:
    """The same where nobody puts spaces between words."""
    if lang.partition("-")[0] not in WITHOUT_SPACES:
        return ()
    return (match for match in said if words.casefold() in match.text.casefold())
