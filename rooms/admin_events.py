"""Events and their halls for the people who run them."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from rooms.errors import DomainError
from rooms.models import Event, Hall
from rooms.schedule_import import import_schedule
from rooms.services import ScheduleChanges
from rooms.words import schedule_words


def say_result(request: HttpRequest, event: Event, result: ScheduleChanges | DomainError) -> None:
    """Tell the admin what reading an event's schedule brought."""
    if isinstance(result, DomainError):
        messages.error(request, f"{event}: {schedule_words(result)}")
    else:
        level = messages.WARNING if result.waiting or result.unreadable else messages.SUCCESS
        messages.add_message(request, level, f"{event}: {result.summary()}")


class EventForm(forms.ModelForm[Event]):
    """An event with its hidden tracks as a list of names."""

    class Meta:
        model = Event
        fields = ("title", "slug", "time_zone", "schedule_url", "hidden_tracks", "retention_days")

    def clean_schedule_url(self) -> str:
        """A file of the server is named in its settings alone: an admin's browser reads no files there."""
        source: str = self.cleaned_data["schedule_url"].strip()
        is_address = source.lower().startswith(("http://", "https://"))
        if source and not is_address and source != self.initial.get("schedule_url"):
            raise ValidationError("An http or https address.")
        return source

    def clean_hidden_tracks(self) -> list[str]:
        """Names only: the import compares them."""
        names = self.cleaned_data["hidden_tracks"] or []
        if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
            raise ValidationError('A list of names, for instance ["Breaks", "Internal"].')
        return [name.strip() for name in names]


@admin.register(Event)
class EventAdmin(admin.ModelAdmin[Event]):
    """Conferences; the settings' one follows what changes there, and stays."""

    form = EventForm
    list_display = (
        "title",
        "slug",
        "time_zone",
        "schedule_read_at",
        "schedule_result",
        "imported_at",
        "from_settings",
    )
    readonly_fields = ("schedule_read_at", "schedule_result", "imported_at")
    search_fields = ("title", "slug")
    actions = ("read_schedule",)

    def has_delete_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        """The settings would only make theirs again."""
        return super().has_delete_permission(request, obj) and not (obj and obj.from_settings)

    @admin.action(description="Read the schedule now", permissions=["change"])
    def read_schedule(self, request: HttpRequest, events: QuerySet[Event]) -> None:
        """Of each chosen event."""
        for event in events:
            try:
                say_result(request, event, import_schedule(event=event, force=True))
            except DomainError as error:
                say_result(request, event, error)


@admin.register(Hall)
class HallAdmin(admin.ModelAdmin[Hall]):
    """Where screens hang; the import makes what a schedule names."""

    list_display = ("name", "slug", "event")
    list_filter = ("event",)
    list_select_related = ("event",)
    search_fields = ("name", "slug")

    def get_readonly_fields(self, request: HttpRequest, obj: Hall | None = None) -> tuple[str, ...]:
        """A screen has the slug, and the import finds the hall by its name."""
        return ("event", "name", "slug") if obj else ()
