"""Admin: parts with their terms, and sentences that may be corrected or removed by hand."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from transcripts.models import Part, Sentence
from transcripts.removal import remove_sentence
from transcripts.revisions import Editor
from transcripts.services import correct_sentence


@admin.register(Part)
class PartAdmin(admin.ModelAdmin[Part]):
    """Who may read what."""

    list_display = ("room", "number", "source_lang", "started_at", "ended_at", "store", "public", "owner")
    list_filter = ("store", "public", "source_lang")
    list_select_related = ("room", "owner")
    search_fields = ("room__code", "room__title")
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

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Hosts begin parts."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Part | None = None) -> bool:
        """One by one, and only what is not being written any more."""
        if obj is None or obj.ended_at is None:
            return False
        return bool(super().has_delete_permission(request, obj))


@admin.register(Sentence)
class SentenceAdmin(admin.ModelAdmin[Sentence]):
    """Corrections and removals go through services: it is published, translations are redone or go."""

    list_display = ("part", "index", "track", "text")
    list_filter = ("track__lang",)
    list_select_related = ("part__room", "track__room")
    search_fields = ("text", "part__room__code")
    fields = ("track", "part", "index", "start_ms", "end_ms", "text")
    readonly_fields = ("track", "part", "index", "start_ms", "end_ms")

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
