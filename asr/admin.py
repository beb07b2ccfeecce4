"""Admin: sessions of every kind, and workers."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from asr.models import Session, Worker
from asr.selectors import WORKER_LIVES_FOR


def heart_beat(session: Session) -> str:
    """Age of the last sign of life of a session's process."""
    if session.beat_at is None or session.state not in Session.RUNNING:
        return ""
    return f"{(timezone.now() - session.beat_at).total_seconds():.1f} s ago"


@admin.register(Session)
class SessionAdmin(admin.ModelAdmin[Session]):
    """Sessions are only watched here; those of rooms are closed on a page of their own (asr/rooms/admin.py)."""

    list_display = (
        "id", "kind", "state", "delay_s", "heart_beat", "source_lang", "worker", "pid", "generation",
    )  # fmt: skip
    list_filter = ("kind", "state", "worker")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Gateways open them."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        """Only when it is over: a row that is gone could not be closed in order."""
        return obj is not None and obj.state not in Session.RUNNING

    def get_readonly_fields(self, request: HttpRequest, obj: Session | None = None) -> list[str]:
        """All of it."""
        return [field.name for field in Session._meta.fields]

    @admin.display(description="heart-beat")
    def heart_beat(self, session: Session) -> str:
        """Age of the last sign of life."""
        return heart_beat(session)


@admin.register(Worker)
class WorkerAdmin(admin.ModelAdmin[Worker]):
    """The workers on the queue `asr`."""

    list_display = ("name", "slots", "model", "device", "beat_at", "alive")

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
