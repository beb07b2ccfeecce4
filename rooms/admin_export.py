"""Exports of admin lists as CSV and JSON: what is chosen, bounded, and streamed while it is read.

Own code: the usual library builds the whole file in memory and brings imports, which nobody wants here.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import admin, messages
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

MOST_ROWS = 50_000
CHUNK_ROWS = 500
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run what begins so
Row = tuple[Any, ...]


class Csv:
    """A table with a line of column names."""

    suffix, content_type = "csv", "text/csv; charset=utf-8"

    def begin(self, fields: Sequence[str]) -> str:
        """The names, behind the mark by which spreadsheets know UTF-8."""
        return "\ufeff" + self.rows(fields, [tuple(fields)], first=True)

    def rows(self, fields: Sequence[str], rows: Sequence[Row], *, first: bool) -> str:
        """So many lines."""
        text = io.StringIO()
        csv.writer(text).writerows([_cell(value) for value in row] for row in rows)
        return text.getvalue()

    def end(self) -> str:
        """Nothing."""
        return ""


class Json:
    """A list of objects, one a line."""

    suffix, content_type = "json", "application/json"

    def begin(self, fields: Sequence[str]) -> str:
        """The list opens."""
        return "["

    def rows(self, fields: Sequence[str], rows: Sequence[Row], *, first: bool) -> str:
        """So many objects."""
        lines = [
            json.dumps(dict(zip(fields, row, strict=True)), cls=DjangoJSONEncoder, ensure_ascii=False)
            for row in rows
        ]
        return "".join(("\n" if first and not number else ",\n") + line for number, line in enumerate(lines))

    def end(self) -> str:
        """The list closes."""
        return "\n]\n"


class Exported:
    """A mixin for a ModelAdmin: two actions. `export_fields`: paths of columns, from this model on.

    Who may change a list's rows may take them away; who may only look at them may not.
    """

    export_fields: tuple[str, ...] = ()
    opts: Any

    def has_export_permission(self, request: HttpRequest) -> bool:
        """The right to change them, though some are edited by nobody."""
        return bool(request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}"))

    @admin.action(description="Export as CSV", permissions=["export"])
    def export_csv(self, request: HttpRequest, rows: QuerySet[Any]) -> StreamingHttpResponse | None:
        """The chosen rows."""
        return self._export(request, rows, Csv())

    @admin.action(description="Export as JSON", permissions=["export"])
    def export_json(self, request: HttpRequest, rows: QuerySet[Any]) -> StreamingHttpResponse | None:
        """The chosen rows."""
        return self._export(request, rows, Json())

    def get_actions(self, request: HttpRequest) -> Any:
        """The page's own, then these."""
        actions = super().get_actions(request)  # type: ignore[misc]  # ModelAdmin's
        if not self.has_export_permission(request):
            return actions
        for name in ("export_csv", "export_json"):
            actions[name] = self.get_action(name)  # type: ignore[attr-defined]  # ModelAdmin's
        return actions

    def _export(
        self, request: HttpRequest, rows: QuerySet[Any], form: Csv | Json
    ) -> StreamingHttpResponse | None:
        if rows.count() > MOST_ROWS:
            refused = f"At most {MOST_ROWS} rows can be exported at once: filter the list first."
            messages.error(request, refused)
            return None
        response = StreamingHttpResponse(
            _stream(rows, self.export_fields, form), content_type=form.content_type
        )
        name = f"{self.opts.model_name}-{timezone.now():%Y%m%d-%H%M%S}.{form.suffix}"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        response["Cache-Control"] = "no-store"
        return response


async def _stream(rows: QuerySet[Any], fields: Sequence[str], form: Csv | Json) -> AsyncIterator[str]:
    """By key, a chunk at a time: no cursor and no connection is held while a slow browser reads."""
    ordered = rows.order_by("pk").values_list("pk", *fields)
    chunk: list[Row] = []
    yield form.begin(fields)
    while True:
        first, last = not chunk, chunk[-1][0] if chunk else None
        chunk = await sync_to_async(_read)(ordered, last)
        yield form.rows(fields, [row[1:] for row in chunk], first=first)
        if len(chunk) < CHUNK_ROWS:
            break
    yield form.end()


def _read(ordered: QuerySet[Any, Row], last: Any) -> list[Row]:
    return list((ordered if last is None else ordered.filter(pk__gt=last))[:CHUNK_ROWS])


def _cell(value: Any) -> Any:
    """What a spreadsheet shows as it is."""
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
