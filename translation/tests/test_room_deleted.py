"""A room is deleted while somebody begins to read a translation of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.signals import pre_delete
from django.utils import timezone

from rooms.models import AuditEntry, Room
from rooms.services import delete_rooms
from translation.models import Demand
from translation.tests.make import spoken_part

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def reader_between(langs: list[str]) -> Iterator[None]:
    """Each time that Django has collected what belongs to a room a reader of the next language comes, by a connection of their own."""

    def comes(instance: Room, **_: Any) -> None:
        if langs:
            thread = threading.Thread(target=_reads, args=(instance.pk, langs.pop()))
            thread.start()
            thread.join()

    pre_delete.connect(comes, sender=Room)
    try:
        yield
    finally:
        pre_delete.disconnect(comes, sender=Room)


def _reads(room_id: int, lang: str) -> None:
    expires_at = timezone.now() + timedelta(minutes=1)
    Demand.objects.create(room_id=room_id, lang=lang, holder="test", expires_at=expires_at)
    connection.close()


def test_a_reader_who_comes_between_goes_with_it(admin_client: Any):
    part = spoken_part()
    part.ended_at = timezone.now()
    part.save()
    with reader_between(["pt"]):
        answer = admin_client.post(f"/admin/rooms/room/{part.room_id}/delete/", {"post": "yes"})
    assert answer.status_code == 302
    assert not Room.objects.exists()
    assert not Demand.objects.exists()
    assert AuditEntry.objects.get(action=AuditEntry.Action.ERASED).role == "admin"


def test_rooms_that_were_ticked_go_together():
    first, second = spoken_part(), spoken_part(code="TALK02")
    with reader_between(["pt", "fr"]):
        delete_rooms(Room.objects.filter(pk__in=[first.room_id, second.room_id]))
    assert not Room.objects.exists()
