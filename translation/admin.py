"""Admin: engines with their state and latency, jobs, pinned languages, rooms' own settings, demand."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from rooms.admin_export import Exported
from rooms.admin_filters import RoomFilter
from rooms.selectors import spoken_lang
from translation import chain, circuit, quota, selectors, services
from translation.demand import begin
from translation.models import Demand, EngineState, Job, PairState, PinnedLanguage, RoomTranslation
from translation.offers import langs_in
from translation.room_settings import try_again
from translation.store import retry_failing


class Watched:
    """Rows that the workers write: read-only here."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Made by workers."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deleted by sweeps."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """All of it."""
        return [field.name for field in self.model._meta.fields]  # type: ignore[attr-defined]


@admin.register(EngineState)
class EngineAdmin(Watched, admin.ModelAdmin[EngineState]):
    """The engines that a worker has used or asked."""

    list_display = ("name", "state", "latency", "last_error", "last_error_at", "answered_at", "offers")
    search_fields = ("name", "last_error")
    actions = ("use_again",)

    @admin.display(description="state")
    def state(self, engine: EngineState) -> str:
        """In use, or for how long its circuit has been open."""
        if engine.opened_at is None:
            return "answers" if circuit.answers(engine) else "silent"
        return f"circuit open for {(timezone.now() - engine.opened_at).total_seconds():.0f} s"

    @admin.display(description="latency")
    def latency(self, engine: EngineState) -> str:
        """Rolling mean of a call."""
        return f"{1000 * engine.latency_s:.0f} ms" if engine.latency_s else ""

    @admin.display(description="pairs")
    def offers(self, engine: EngineState) -> int:
        """How many pairs it offers."""
        return len(engine.pairs)

    @admin.action(description="Use the selected engines again now", permissions=["change"])
    def use_again(self, request: HttpRequest, queryset: QuerySet[EngineState]) -> None:
        """Close their circuits; waiting jobs are due at once."""
        names = list(queryset.values_list("name", flat=True))
        circuit.close(names)
        retry_failing()
        self.message_user(request, f"{len(names)} engines are used again.", messages.SUCCESS)


@admin.register(PairState)
class PairAdmin(Watched, admin.ModelAdmin[PairState]):
    """The pairs that failed since their engine was used first."""

    list_display = (
        "engine",
        "source",
        "target",
        "failures",
        "opened_at",
        "retry_at",
        "last_error",
        "last_error_at",
    )
    list_filter = ("engine", "last_error", "source", "target")
    search_fields = ("engine", "source", "target", "last_error")


@admin.register(Job)
class JobAdmin(Exported, Watched, admin.ModelAdmin[Job]):
    """Each language of each room that is being translated, or was recently."""

    list_display = ("room", "lang", "kind", "state", "delay", "failures", "last_error", "worker")
    list_filter = (RoomFilter, "lang", "last_error", "room__event", ("part", admin.EmptyFieldListFilter))
    list_select_related = ("room", "part")
    export_fields = (
        "room__code",
        "lang",
        "part__number",
        "due_at",
        "failures",
        "last_error",
        "waiting_s",
        "worker",
    )
    search_fields = ("room__code", "room__title")
    actions = ("retry",)

    @admin.display(description="kind")
    def kind(self, job: Job) -> str:
        """Live, or the completion of a part that ended."""
        return "live" if job.part is None else f"completes part {job.part.number}"

    @admin.display(description="state")
    def state(self, job: Job) -> str:
        """What it waits for."""
        if job.token:
            return "translating"
        if job.due_at is None:
            return "up to date" if not job.last_error else "given up"
        wait_s = (job.due_at - timezone.now()).total_seconds()
        return "waits for a worker" if wait_s <= 0 else f"next try in {wait_s:.1f} s"

    @admin.display(description="delay")
    def delay(self, job: Job) -> str:
        """Mean of its last four translations, or the age of what waits longer."""
        delay_s = selectors.delay_s([(job.delays, job.waiting_s)])
        return "" if delay_s is None else f"{delay_s:.2f} s"

    @admin.action(description="Try again now, given-up texts too", permissions=["change"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Clear failures."""
        count = queryset.count()
        services.retry(queryset)
        self.message_user(request, f"{count} languages are tried again.", messages.SUCCESS)


@admin.register(PinnedLanguage)
class PinnedLanguageAdmin(admin.ModelAdmin[PinnedLanguage]):
    """Languages that are translated without readers."""

    list_display = ("room", "lang")
    list_filter = (RoomFilter, "lang", "room__event")
    list_select_related = ("room",)
    search_fields = ("room__code", "room__title")
    autocomplete_fields = ("room",)

    def save_model(self, request: HttpRequest, obj: PinnedLanguage, form: Any, change: bool) -> None:
        """Begin at once; say where nothing will come of it."""
        super().save_model(request, obj, form, change)
        begin(obj.room_id, obj.lang)
        spoken = spoken_lang(obj.room)
        if obj.lang not in langs_in(obj.room_id, spoken):
            words = f"No engine of this room translates {spoken} into {obj.lang} at present."
            self.message_user(request, words, messages.WARNING)


@admin.register(Demand)
class DemandAdmin(Watched, admin.ModelAdmin[Demand]):
    """Demand: leases of the web processes."""

    list_display = ("room", "lang", "readers", "drafts", "holder", "expires_at")
    list_filter = (RoomFilter, "lang", "room__event")
    list_select_related = ("room",)
    search_fields = ("room__code", "room__title", "holder")


class RoomTranslationForm(forms.ModelForm[RoomTranslation]):
    """The engines are typed: their order counts."""

    engines = forms.CharField(
        required=False,
        help_text="Names of its engines in order of preference, for instance: bergamot, pivot. No other is asked. Empty: all.",
    )

    class Meta:
        model = RoomTranslation
        fields = ("room", "engines", "formality", "chars_per_day")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["engines"] = ", ".join(self.instance.engines)

    def clean_engines(self) -> list[str]:
        """Names of engines that this deployment has."""
        names = [name for name in self.cleaned_data["engines"].replace(",", " ").split() if name]
        known = [engine.name for engine in chain.engines()]
        if unknown := [name for name in names if name not in known]:
            raise ValidationError(
                f"Not an engine of this deployment: {', '.join(unknown)}. There are: {', '.join(known)}."
            )
        if len(set(names)) < len(names):
            raise ValidationError("An engine stands there twice.")
        return names


@admin.register(RoomTranslation)
class RoomTranslationAdmin(admin.ModelAdmin[RoomTranslation]):
    """Rooms with engines, formality or a quota of their own."""

    form = RoomTranslationForm
    list_display = ("room", "chain", "formality", "chars_per_day", "chars_today")
    list_filter = (RoomFilter, "formality", "room__event")
    list_select_related = ("room",)
    search_fields = ("room__code", "room__title")
    autocomplete_fields = ("room",)

    @admin.display(description="engines")
    def chain(self, row: RoomTranslation) -> str:
        """In their order."""
        return ", ".join(row.engines) or "all"

    @admin.display(description="characters today")
    def chars_today(self, row: RoomTranslation) -> int:
        """Counted where there is a quota."""
        return int(getattr(row, "used_today", None) or 0)

    def get_queryset(self, request: HttpRequest) -> QuerySet[RoomTranslation]:
        """With today's characters."""
        return super().get_queryset(request).annotate(used_today=quota.today_of("pk"))

    def get_readonly_fields(
        self, request: HttpRequest, obj: RoomTranslation | None = None
    ) -> tuple[str, ...]:
        """Which room it is of does not change."""
        return ("room",) if obj else ()

    def save_model(self, request: HttpRequest, obj: RoomTranslation, form: Any, change: bool) -> None:
        """What was stopped is tried again at once."""
        super().save_model(request, obj, form, change)
        try_again(obj.pk)
