"""GET /metrics for Prometheus: rooms, delays, and what the recognisers counted, read from PostgreSQL at each scrape; and
what the wires count in this process alone, by the names that their dashboards know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from asr.models import Session
from asr.recognise.counters import Counters
from asr.rooms.models import RoomSession
from asr.selectors import counter_totals, max_active_rooms
from config import wires

FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip")
GAUGES_AMONG_COUNTERS = {"shed_level"}


class RoomsCollector(Collector):
    """All web processes answer the same: the sessions' rows are what is counted, not this process."""

    def collect(self) -> Iterator[Metric]:
        """Gauges of the rooms that are open, totals over all sessions."""
        sessions = list(
            RoomSession.objects.filter(session__state__in=Session.RUNNING).select_related("session", "room")
        )
        active = GaugeMetricFamily("souffleur_rooms_active", "Rooms that a host has opened")
        active.add_metric([], sum(each.session.state in Session.OPEN for each in sessions))
        slots = GaugeMetricFamily("souffleur_rooms_max", "Slots of the ASR workers that live")
        slots.add_metric([], max_active_rooms())
        delay = GaugeMetricFamily(
            "souffleur_transcription_delay_seconds",
            "From a word to its text, rolling mean of 4",
            labels=["room"],
        )
        for each in sessions:
            delay.add_metric([each.room.code], each.session.delay_s)
        yield from (active, slots, delay)
        yield from _engine_totals()


def _engine_totals() -> Iterator[Metric]:
    names = [field.name for field in fields(Counters) if field.name not in GAUGES_AMONG_COUNTERS]
    for name, value in counter_totals(names).items():
        total = CounterMetricFamily(f"souffleur_asr_{name}", "Over all sessions (asr/recognise/counters.py)")
        total.add_metric([], value)
        yield total


_registry = CollectorRegistry(auto_describe=False)
_registry.register(RoomsCollector())
for collector in wires.collectors():  # of this process alone
    _registry.register(collector)


def may_read(request: HttpRequest) -> bool:
    """Whoever shows METRICS_TOKEN as a bearer token; else this machine itself, and not somebody for whom a proxy here asks."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    wanted = settings.ENV.metrics_token
    if wanted and scheme.lower() == "bearer" and constant_time_compare(token.strip(), wanted):
        return True
    if any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format."""
    if not may_read(request):
        return HttpResponse("METRICS_TOKEN is needed\n", status=403, content_type="text/plain")
    return HttpResponse(generate_latest(_registry), content_type=CONTENT_TYPE_LATEST)
