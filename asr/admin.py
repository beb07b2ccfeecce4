"""Admin: sessions of every kind, and workers."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from asr.models import Session, Worker
from asr.selectors import WORKER_LIVES_FOR
from rooms.admin_export import Exported
from rooms.admin_filters import room_filter


def heart_beat(session: Session) -> str:
    """Age of the last sign of life of a session's process."""
    if session.beat_at is None or session.state not in Session.RUNNING:
        return ""
    return f"{(timezone.now() - session.beat_at).total_seconds():.1f} s ago"


@admin.register(Session)
class SessionAdmin(Exported, admin.ModelAdmin[Session]):
    """Sessions are only watched here; those of rooms are closed on a page of their own (asr/rooms/admin.py)."""

    list_display = (
        "name", "kind", "state", "created_at", "closed_at", "delay_s", "heart_beat", "source_lang", "worker", "pid", "generation",
    )  # fmt: skip
    list_filter = (room_filter("room_session__room"), "kind", "state", "source_lang", "worker")
    list_select_related = ("room_session__room",)
    list_per_page = 50
    search_fields = ("room_session__room__code", "room_session__room__title", "worker", "close_reason")
    date_hierarchy = "created_at"
    export_fields = (
        "id", "kind", "room_session__room__code", "state", "source_lang", "created_at", "closed_at", "close_reason", "worker",
        "generation", "heard_ms", "committed_ms", "delay_s",
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Gateways open them."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        """Only when it is over: a row that is gone could not be closed in order."""
        return obj is not None and obj.state not in Session.RUNNING

    def get_readonly_fields(self, request: HttpRequest, obj: Session | None = None) -> list[str]:
        """All of it."""
        return ["name", *(field.name for field in Session._meta.fields)]

    @admin.display(description="session", ordering="pk")
    def name(self, session: Session) -> str:
        """The room's, where it has one: a number tells nobody which talk it was."""
        of_room = getattr(session, "room_session", None)
        return f"{of_room.room.code} {of_room.room.title}" if of_room else f"{session.kind} {session.pk}"

    @admin.display(description="heart-beat")
    def heart_beat(self, session: Session) -> str:
        """Age of the last sign of life."""
        return heart_beat(session)


@admin.register(Worker)
class WorkerAdmin(admin.ModelAdmin[Worker]):
    """The workers on the queue `asr`."""

    list_display = ("name", "slots", "model", "device", "beat_at", "alive")
    list_filter = ("model", "device")
    search_fields = ("name", "model")

    @admin.display(boolean=True)
    def alive(self, worker: Worker) -> bool:
        """Whether its slots count."""
        return worker.beat_at > timezone.now() - WORKER_LIVES_FOR

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Workers announce themselves."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Worker | None = None) -> bool:
        """They know best how they are; a row of a dead one may be deleted."""
        return False
