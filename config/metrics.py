"""GET /metrics for Prometheus: what is read from PostgreSQL at each scrape (figures.py), what the processes of this machine count
together (process_metrics.py), and how the machine itself is. docs/metrics.md lists all of it.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from asr import metrics as of_recognisers
from config import figures, wires
from config.figures import Figure
from config.health import watch
from config.process_metrics import shared
from gateways.common import metrics as of_sockets
from transcripts import metrics as of_text

FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip")

DATABASE_UP = Figure("souffleur_database_up", "1: PostgreSQL has answered this process within 3 s")
REDIS_UP = Figure("souffleur_redis_up", "1: Redis has answered this process within 3 s, and takes writes")
DISK_SIZE = Figure(
    "souffleur_disk_size_bytes", "Of the disk of VAR_DIR (var) and of METRICS_DIR (metrics)", ("folder",)
)
DISK_FREE = Figure("souffleur_disk_free_bytes", "What is left of it for this process's user", ("folder",))
OF_MACHINE = (DATABASE_UP, REDIS_UP, DISK_SIZE, DISK_FREE)


def own_collectors() -> list[Any]:
    """What each process counts by itself."""
    return [*of_text.COLLECTORS, *of_recognisers.COLLECTORS, *of_sockets.COLLECTORS, *wires.collectors()]


def begin() -> None:
    """Show what may stay at zero; once a process that serves."""
    of_text.begin()
    of_recognisers.begin()


class ReadWhenAsked(Collector):
    """Everything that is not counted. What does not answer costs its own figures, and no time."""

    def describe(self) -> list[Metric]:
        """Not known before it is asked."""
        return []

    def collect(self) -> Iterator[Metric]:
        """See `figures`."""
        missing = watch.known_now() if shared.folder is not None else []  # a test has no threads that ask
        yield DATABASE_UP.family([((), float("database" not in missing))])
        yield REDIS_UP.family([((), float("redis" not in missing))])
        yield from disks()
        if "database" not in missing:
            with contextlib.suppress(DatabaseError):  # it may go this moment
                yield from list(figures.from_database())
        if "redis" not in missing:
            yield from figures.from_redis()


class Disks(Collector):
    """For a process that serves no pages."""

    def collect(self) -> Iterator[Metric]:
        """Its disks."""
        return disks()


def disks() -> Iterator[Metric]:
    """How full they are."""
    usage = {"var": shutil.disk_usage(settings.VAR_DIR)}
    if shared.folder is not None:
        usage["metrics"] = shutil.disk_usage(shared.folder)
    yield DISK_SIZE.family(((name,), float(each.total)) for name, each in usage.items())
    yield DISK_FREE.family(((name,), float(each.free)) for name, each in usage.items())


def registry(first: Collector) -> CollectorRegistry:
    """`first`, and what processes count."""
    found = CollectorRegistry(auto_describe=False)
    for collector in (first, *shared.collectors(own_collectors)):
        found.register(collector)
    return found


def may_read(authorization: str, address: str, headers: Mapping[str, str]) -> bool:
    """Whoever shows METRICS_TOKEN as a bearer token; else this machine itself, and not somebody for whom a proxy here asks."""
    scheme, _, token = authorization.partition(" ")
    wanted = settings.ENV.metrics_token
    if wanted and scheme.lower() == "bearer" and constant_time_compare(token.strip(), wanted):
        return True
    if any(name in headers for name in FORWARDED):
        return False
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format."""
    authorization = request.headers.get("Authorization", "")
    if not may_read(authorization, request.META.get("REMOTE_ADDR", ""), request.headers):
        return HttpResponse("METRICS_TOKEN is needed\n", status=403, content_type="text/plain")
    return HttpResponse(generate_latest(registry(ReadWhenAsked())), content_type=CONTENT_TYPE_LATEST)
