"""Demand: leases that end with their readers, or with the process that held them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from channels.db import database_sync_to_async
from django.utils import timezone

from translation import demand as demands
from translation import selectors, services
from translation.demand import Readers
from translation.models import Demand
from translation.tests.make import spoken_part

pytestmark = pytest.mark.django_db(transaction=True)


async def _leases() -> list[tuple[str, int]]:
    rows = Demand.objects.order_by("lang").values_list("lang", "readers")
    return await database_sync_to_async(list)(rows)


@pytest.mark.usefixtures("async_connections")
async def test_the_first_reader_begins_the_demand_and_the_last_ends_it():
    part = await database_sync_to_async(spoken_part)()
    readers = Readers()
    await readers.hold(part.room_id, "de")
    await readers.hold(part.room_id, "de")
    await readers.hold(part.room_id, "fr")
    assert [lang for lang, _ in await _leases()] == ["de", "fr"]
    await readers.release(part.room_id, "de")
    assert [lang for lang, _ in await _leases()] == ["de", "fr"]
    await readers.release(part.room_id, "de")
    await readers.release(part.room_id, "fr")
    assert await _leases() == []


@pytest.mark.usefixtures("async_connections")
async def test_two_processes_hold_the_same_language_until_both_let_go():
    part = await database_sync_to_async(spoken_part)()
    one, other = Readers(), Readers()
    await one.hold(part.room_id, "de")
    await other.hold(part.room_id, "de")
    await one.release(part.room_id, "de")
    assert await database_sync_to_async(selectors.demanded_langs)(part.room_id) == {"de"}
    await other.release(part.room_id, "de")
    assert await database_sync_to_async(selectors.demanded_langs)(part.room_id) == set()


def test_the_demand_of_a_dead_process_ends_within_thirty_seconds():
    lasts_s = demands.LEASE.total_seconds()
    assert 2 * demands.RENEW_EVERY_S < lasts_s <= 30
    part = spoken_part()
    demands.lease("dead", {(part.room_id, "de"): 2})
    assert selectors.is_demanded(part.room_id, "de")
    Demand.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert not selectors.is_demanded(part.room_id, "de")
    Demand.objects.update(expires_at=timezone.now() - timedelta(minutes=2))
    services.sweep()
    assert not Demand.objects.exists()


def test_renewing_keeps_the_lease_and_tells_how_many_read():
    part = spoken_part()
    demands.lease("web", {(part.room_id, "de"): 1})
    before = Demand.objects.get().expires_at
    demands.lease("web", {(part.room_id, "de"): 7, (part.room_id, "fr"): 1})
    assert [(row.lang, row.readers) for row in Demand.objects.order_by("lang")] == [("de", 7), ("fr", 1)]
    assert Demand.objects.get(lang="de").expires_at > before


@pytest.mark.usefixtures("async_connections")
async def test_a_reader_is_not_refused_because_the_room_is_gone():
    """Deleted in the admin meanwhile: the lease cannot be written, and that is nobody's error."""
    readers = Readers()
    await readers.hold(987_654, "de")
    await readers.release(987_654, "de")
    assert await _leases() == []
    await asyncio.sleep(0)
