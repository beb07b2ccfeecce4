"""Admin: parts with their terms, and sentences that may be corrected or removed by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from rooms.admin_export import Exported
from rooms.admin_filters import RoomFilter, room_filter
from rooms.audit import Actor, acting
from transcripts.models import Part, Sentence
from transcripts.removal import remove_sentence
from transcripts.revisions import Editor
from transcripts.services import correct_sentence


@admin.register(Part)
class PartAdmin(Exported, admin.ModelAdmin[Part]):
    """Who may read what."""

    list_display = ("room", "number", "source_lang", "started_at", "ended_at", "store", "public", "owner")
    list_filter = (
        RoomFilter,
        "store",
        "public",
        "source_lang",
        "room__event",
        ("ended_at", admin.EmptyFieldListFilter),
    )
    list_select_related = ("room", "owner")
    list_per_page = 50
    search_fields = ("room__code", "room__title", "owner__username")
    date_hierarchy = "started_at"
    export_fields = (
        "room__code", "room__title", "number", "broadcast", "source_lang", "started_at", "ended_at", "store", "public",
        "owner__username",
    )  # fmt: skip
    readonly_fields = (
        "room",
        "number",
        "broadcast",
        "source_lang",
        "started_at",
        "ended_at",
        "owner",
        "store",
    )

    def delete_model(self, request: HttpRequest, obj: Part) -> None:
        """The audit log says who did it."""
        with acting(Actor(request.user.pk, "admin")):
            obj.delete()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Part]) -> None:
        """The same, for each that was ticked."""
        with acting(Actor(request.user.pk, "admin")):
            queryset.delete()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Hosts begin parts."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Part | None = None) -> bool:
        """One by one, and only what is not being written any more."""
        if obj is None or obj.ended_at is None:
            return False
        return bool(super().has_delete_permission(request, obj))


@admin.register(Sentence)
class SentenceAdmin(Exported, admin.ModelAdmin[Sentence]):
    """Corrections and removals go through services: it is published, translations are redone or go."""

    list_display = ("text", "room", "part_number", "lang", "said_at", "is_translation")
    list_filter = (
        room_filter("part__room"), "track__lang", "part__room__event", ("of_version", admin.EmptyFieldListFilter),
    )  # fmt: skip
    list_select_related = ("part__room", "track")
    list_per_page = 50
    search_fields = ("text", "part__room__code", "part__room__title")
    ordering = ("-pk",)
    show_full_result_count = False  # there are hundreds of thousands
    export_fields = (
        "part__room__code", "part__number", "track__lang", "index", "start_ms", "end_ms", "speaker", "text", "of_version",
    )  # fmt: skip
    fields = ("track", "part", "index", "start_ms", "end_ms", "text")
    readonly_fields = ("track", "part", "index", "start_ms", "end_ms")

    @admin.display(ordering="part__room__code")
    def room(self, sentence: Sentence) -> str:
        """Where it was said."""
        return str(sentence.part.room)

    @admin.display(description="part", ordering="part__number")
    def part_number(self, sentence: Sentence) -> int:
        """Of its room."""
        return sentence.part.number

    @admin.display(description="language", ordering="track__lang")
    def lang(self, sentence: Sentence) -> str:
        """The track's."""
        return sentence.track.lang

    @admin.display(description="at", ordering="start_ms")
    def said_at(self, sentence: Sentence) -> str:
        """Time within its part."""
        return str(timedelta(seconds=sentence.start_ms // 1000))

    @admin.display(description="translation", boolean=True)
    def is_translation(self, sentence: Sentence) -> bool:
        """Not spoken."""
        return sentence.of_version is not None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Sentences are spoken."""
        return False

    def delete_model(self, request: HttpRequest, obj: Sentence) -> None:
        """Its translations go too, its index stays taken: viewers merge by indices, which must not shift."""
        remove_sentence(obj, by=_editor(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Sentence]) -> None:
        """The same, for each that was ticked."""
        for sentence in queryset.select_related("part"):
            remove_sentence(sentence, by=_editor(request))

    def save_model(self, request: HttpRequest, obj: Sentence, form: Any, change: bool) -> None:
        """Only the text can change."""
        correct_sentence(sentence=obj, text=obj.text, by=_editor(request))


def _editor(request: HttpRequest) -> Editor:
    return Editor(request.user.pk, "admin")
