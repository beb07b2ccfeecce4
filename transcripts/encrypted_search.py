"""Searching what is encrypted: no index has its words, so the newest sentences are decrypted and compared, as many as are bearable.

PostgreSQL compares them, by the functions that made the index of the others: the same words are found in the same forms. What
it is asked with is in no table, log or file of it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from django.db import connection
from django.db.models import QuerySet

from rooms.errors import DomainError
from transcripts.models import Sentence
from transcripts.text import WITHOUT_SPACES

SENTENCES_MOST = 10_000  # the newest: sixteen hours of speech
_BATCH = 500
_MATCH = """
WITH asked AS (SELECT transcript_search_query(%(lang)s, %(words)s) AS query,
  websearch_to_tsquery(transcript_search_config(%(lang)s), %(words)s) AS ranked)
SELECT ordinality, ts_rank(vector, ranked) FROM asked, unnest(%(texts)s::text[]) WITH ORDINALITY AS said(text, ordinality),
  LATERAL (SELECT transcript_search_vector(%(lang)s, text) AS vector) AS found WHERE vector @@ query
"""
_MARK = """
SELECT ts_headline(transcript_search_config(%(lang)s), %(text)s, websearch_to_tsquery(transcript_search_config(%(lang)s),
  %(words)s), 'HighlightAll=true, StartSel=' || %(begins)s || ', StopSel=' || %(ends)s)
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
            found += _holding(said, lang, words) if not unspaced else _containing(said, lang, words)
    return sorted(found, key=lambda match: (-match.rank, match.start_ms))


def marked(match: Match, words: str, *, begins: str, ends: str) -> str:
    """The sentence with its found words between these marks."""
    with connection.cursor() as cursor:
        cursor.execute(
            _MARK, {"lang": match.lang, "text": match.text, "words": words, "begins": begins, "ends": ends}
        )
        return str(cursor.fetchone()[0])


def _decrypted(sentences: QuerySet[Sentence]) -> Iterator[Match]:
    fields = ("part__room_id", "part__number", "index", "track__lang", "start_ms", "text")
    for row in sentences.order_by("-pk").values_list(*fields)[:SENTENCES_MOST]:
        yield Match(*row)


def _holding(said: list[Match], lang: str, words: str) -> Iterable[Match]:
    with connection.cursor() as cursor:
        cursor.execute(_MATCH, {"lang": lang, "words": words, "texts": [match.text for match in said]})
        for ordinality, rank in cursor.fetchall():
            yield replace(said[ordinality - 1], rank=float(rank))


def _containing(said: list[Match], lang: str, words: str) -> Iterable[Match]:
    if lang.partition("-")[0] not in WITHOUT_SPACES:
        return ()
    return (match for match in said if words.casefold() in match.text.casefold())
