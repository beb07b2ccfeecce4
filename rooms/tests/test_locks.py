"""Locks: taken in one place, of the rows that were asked for, in the order of their keys."""

from pathlib import Path

import pytest
from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from rooms.locks import delete_in_order, locked, update_in_order
from rooms.models import Room, Vote
from rooms.tests.make import room

BASE_DIR = Path(__file__).resolve().parent.parent.parent
OURS = ("rooms", "transcripts", "asr", "translation")
PACKAGES = ("ops", "config", "gateways", *OURS)


def test_no_model_is_ordered_by_a_relation():
    """`.first()` and iteration over a locked queryset would join, and a bare lock take, the related rows."""
    models = [model for label in OURS for model in apps.get_app_config(label).get_models()]
    for model in models:
        for name in map(str, model._meta.ordering):
            if name.lstrip("-") == "pk":
                continue
            try:
                field = model._meta.get_field(name.lstrip("-"))
            except FieldDoesNotExist:  # a column's own name
                assert name.removesuffix("_id") in {field.name for field in model._meta.fields}
                continue
            assert field.attname == name.lstrip("-"), f"{model._meta.label} is ordered by {name}"
    assert models


def test_rows_are_locked_in_one_place_alone():
    code = [path for package in PACKAGES for path in (BASE_DIR / package).rglob("*.py")]
    users = {path for path in code if "select_for_update" in path.read_text() and "tests" not in path.parts}
    assert users == {BASE_DIR / "rooms" / "locks.py"}


@pytest.mark.django_db
def test_only_the_rows_asked_for_are_locked_in_the_order_of_their_keys():
    Vote.objects.create(room=room("A"))
    with (
        transaction.atomic(),
        CaptureQueriesContext(
            connection,
        ) as queries,
    ):
        list(locked(Vote.objects.select_related("room").order_by("-room__code")))
    sql = queries[0]["sql"]
    assert sql.endswith('ORDER BY "rooms_vote"."id" ASC FOR NO KEY UPDATE OF "rooms_vote"')


@pytest.mark.django_db
def test_what_is_changed_or_deleted_together_is_locked_before():
    Vote.objects.create(room=room("A"), count=1)
    Vote.objects.create(room=room("B"), count=2)
    assert update_in_order(Vote.objects.select_related("room").filter(count__gt=1), count=5) == 1
    assert delete_in_order(Room.objects.filter(code="A")) == 1
    assert list(Vote.objects.values_list("count", flat=True)) == [5]
