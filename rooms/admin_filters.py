"""Filters that all admin pages of this project share: by room, by schedule state, by last import."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from rooms.models import ROOM_CODE, Room, passes

SOON = timedelta(hours=2)


class RoomFilter(admin.SimpleListFilter):
    """By the code of a room, typed: an event has hundreds of them. `path`: the way from the model to its room."""

    title = "room"
    parameter_name = "room_code"
    template = "admin/room_filter.html"
    path = "room"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Not offered but typed; an empty list would hide the filter."""
        return [("", "")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of that room."""
        code = self.value()
        if not code:
            return queryset
        if not passes(ROOM_CODE, code):
            return queryset.none()
        return queryset.filter(**{f"{self.path}__code__iexact": code})

    def choices(self, changelist: Any) -> Iterator[Any]:
        """One: the form, with the other filters kept in hidden fields."""
        kept = [
            (name, value)
            for name, values in changelist.get_filters_params().items()
            if name != self.parameter_name
            for value in (values if isinstance(values, list) else [values])
        ]
        yield {
            "selected": self.value() is None,
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
            "display": "All",
            "code": self.value() or "",
            "kept": kept,
        }


def room_filter(path: str) -> type[RoomFilter]:
    """`RoomFilter` for a model whose room is reached by this path, for instance "part__room"."""
    return type("RoomFilter", (RoomFilter,), {"path": path})


class ScheduleStateFilter(admin.SimpleListFilter):
    """Where a talk stands in its day, and whether its schedule still offers it."""

    title = "schedule state"
    parameter_name = "schedule"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """All that a talk may be."""
        return [
            ("now", "On now"),
            ("soon", "Within two hours"),
            ("coming", "Later"),
            ("over", "Over"),
            ("by_hand", "Made by hand"),
            ("vanished", "Vanished from its schedule"),
            ("hidden", "In its schedule, unpublished by hand"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Room]) -> QuerySet[Room]:
        """The talks that are so now."""
        now = timezone.now()
        scheduled = Q(origin=Room.Origin.SCHEDULE)
        wanted = {
            "now": Q(starts_at__lte=now, ends_at__gt=now),
            "soon": Q(starts_at__gt=now, starts_at__lte=now + SOON),
            "coming": Q(starts_at__gt=now + SOON),
            "over": Q(ends_at__lte=now),
            "by_hand": Q(origin=Room.Origin.MANUAL),
            "vanished": scheduled & Q(in_schedule=False),
            "hidden": scheduled & Q(in_schedule=True, published=False),
        }.get(self.value() or "", Q())
        return queryset.filter(wanted)


class LastImportFilter(admin.SimpleListFilter):
    """What the last import of its event's schedule did to a talk."""

    title = "last import"
    parameter_name = "import"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What an import does, and nothing."""
        return [*Room.Imported.choices, ("untouched", "Untouched")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Room]) -> QuerySet[Room]:
        """Talks of the newest import alone."""
        touched = Q(imported_at__gte=F("event__imported_at"))
        if self.value() == "untouched":
            scheduled = queryset.filter(origin=Room.Origin.SCHEDULE)
            return scheduled.exclude(touched & Q(imported_at__isnull=False))
        if self.value() in Room.Imported.values:
            return queryset.filter(touched, imported=self.value())
        return queryset
