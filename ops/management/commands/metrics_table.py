"""Prints docs/metrics.md, every metric of /metrics: `manage.py metrics_table > docs/metrics.md`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand

from config import figures, metrics
from config.figures import Figure

HEAD = """# Metrics

`GET /metrics` of a web process, in Prometheus' text format: for this machine itself, from elsewhere with `METRICS_TOKEN` as a bearer token. Samples:
`deploy/prometheus` (configuration, alert rules with their tests), `deploy/grafana` (a dashboard); what an alert asks for: [operating](operating.md#alerts).

- **Several processes of one machine** count into `METRICS_DIR`, and whoever of them is asked tells the sum of all; what the dead had counted stays in it. So ask
  one process for each `METRICS_DIR` ([decision](decisions/0102-metrics-of-several-processes.md)).
- **Where a container or pod has only a worker**, set `METRICS_PORT`: workers, speech over gRPC and web processes then tell their metrics at that port. It is also the way
  where the one who asks knows an address that is not in `ALLOWED_HOSTS`.
- **Rooms, slots and engines** are read from PostgreSQL, so every web process tells the same of them: with several, take `max by (…)`. What is counted is summed: `sum by (…)`.
- **Labels are few**: a language without its region, `other` where CLDR does not know it; a hall by its name; never a room, a reader or a person.
- **More recognisers are needed** (KEDA, an autoscaler) where this is above 0: `max(souffleur_sessions_waiting) + sum(increase(souffleur_no_slot_total[2m]))`.
- Between machines, stages are as exact as their clocks agree.

Made by `manage.py metrics_table`.
"""


class Command(BaseCommand):
    """The page on standard output."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(metrics_page(), ending="")


def metrics_page() -> str:
    """The whole page as Markdown."""
    tables = (
        ("Read when asked for", map(_of_figure, figures.FIGURES)),
        ("Of the machine and of what this process reaches", map(_of_figure, metrics.OF_MACHINE)),
        ("Counted by processes", map(_of_collector, metrics.own_collectors())),
    )
    return HEAD + "".join(f"\n## {title}\n\n{_table(rows)}" for title, rows in tables)


def labels_by_name() -> dict[str, set[str]]:
    """Every name that a query may use, and its labels."""
    found = {}
    for figure in (*figures.FIGURES, *metrics.OF_MACHINE):
        name, _, labels, _ = _of_figure(figure)
        found[name] = set(labels.split())
    for collector in metrics.own_collectors():
        name, kind, labels, _ = _of_collector(collector)
        for each in (
            (f"{name}_{part}" for part in ("bucket", "sum", "count")) if kind == "histogram" else (name,)
        ):
            found[each] = set(labels.split())
    return found


def _of_figure(figure: Figure) -> tuple[str, str, str, str]:
    name = figure.name + ("_total" if figure.kind == "counter" else "")
    return name, figure.kind, " ".join(figure.labels), figure.meaning


def _of_collector(collector: Any) -> tuple[str, str, str, str]:
    (described,) = collector.describe()
    name = described.name + ("_total" if described.type == "counter" else "")
    return name, described.type, " ".join(collector._labelnames), described.documentation


def _table(rows: Iterable[tuple[str, str, str, str]]) -> str:
    lines = [f"| `{name}` | {kind} | {labels} | {meaning} |\n" for name, kind, labels, meaning in rows]
    return "| name | kind | labels | meaning |\n|---|---|---|---|\n" + "".join(lines)
