"""Row locks: the only place that takes one, so that all of them obey the order in ARCHITECTURE.md ("Locks").

Several rows of a kind are locked in the order of their keys; only rows that were asked for are locked, never those
of a join; and inserting a row that refers to a locked one never waits.
"""

from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models import QuerySet

M = TypeVar("M", bound=models.Model)


def locked(rows: QuerySet[M]) -> QuerySet[M]:
    """These rows, locked from when they are read until the transaction ends."""
    return rows.select_for_update(of=("self",), no_key=True).order_by("pk")


def update_in_order(rows: QuerySet[M], **values: Any) -> int:
    """`rows.update(…)`, which alone would lock them in any order. Returns how many."""
    with transaction.atomic():
        return _same(rows).update(**values)


def delete_in_order(rows: QuerySet[M]) -> int:
    """`rows.delete()`, which alone would lock them in any order. Returns how many, without what they take along."""
    with transaction.atomic():
        return _same(rows).delete()[1].get(rows.model._meta.label, 0)


def _same(rows: QuerySet[M]) -> QuerySet[M]:
    keys = [row.pk for row in locked(rows.select_related(None).only("pk"))]
    return rows.model._default_manager.filter(pk__in=keys)
