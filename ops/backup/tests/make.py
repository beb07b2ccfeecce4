"""Transcripts to back up, and what a database holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db import connection

from ops.backup.dump import Made, make_backup
from ops.backup.manifest import KEYS
from rooms.models import Room
from rooms.tests.make import person, room
from transcripts.models import Part, Sentence
from transcripts.services import NewSentence, PartTerms, add_sentences, end_part, open_part

ROWS = "SELECT md5(coalesce(string_agg(row::text, '|' ORDER BY row::text), '')) FROM {} AS row"
OTHERS = {
    "rooms_datakey",
    "django_migrations",
    "auth_permission",
    "django_content_type",
}  # their numbers are of no account


def said(code: str, *texts: str, owner: str = "ada", over: bool = True, **terms: Any) -> Part:
    """A part in which this was said."""
    at = Room.objects.filter(code=code).first() or room(code)
    terms = {"store": True, "public": True, "owner_id": person(owner).pk, **terms}
    part = open_part(room=at, terms=PartTerms("en", **terms))
    sentences = [NewSentence(2000 * n, 2000 * n + 1900, text) for n, text in enumerate(texts)]
    add_sentences(part=part, sentences=sentences)
    if over:
        end_part(part=part)
    return part


def texts() -> list[str]:
    """What can be read."""
    return sorted(filter(None, Sentence.objects.values_list("text", flat=True)))


def contents() -> dict[str, str]:
    """A sum of each table's rows."""
    sums = {}
    with connection.cursor() as cursor:
        for table in sorted(set(connection.introspection.table_names(cursor)) - OTHERS):
            cursor.execute(ROWS.format(table))
            sums[table] = cursor.fetchone()[0]
    return sums


def backed_up(folder: Path, **options: Any) -> Made:
    """With its keys beside it."""
    return make_backup(folder, keys=folder / KEYS, **options)
