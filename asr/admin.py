"""Admin: live sessions with worker, delay and heart-beat; force-closing with a confirmation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone

from asr.models import Session, Worker
from asr.rooms.ending import close_room
from asr.selectors import WORKER_LIVES_FOR
from rooms.errors import Conflict

if TYPE_CHECKING:
    SessionModelAdmin = admin.ModelAdmin[Session]
    WorkerModelAdmin = admin.ModelAdmin[Worker]
else:
    SessionModelAdmin = WorkerModelAdmin = admin.ModelAdmin


@admin.register(Session)
class SessionAdmin(SessionModelAdmin):
    """Sessions are made by hosts: here they are watched and closed."""

    list_display = (
        "room", "state", "host", "delay_s", "heart_beat", "source_lang", "worker", "pid", "generation", "part",
    )  # fmt: skip
    list_filter = ("state", "worker")
    list_select_related = ("room", "part")
    search_fields = ("room__code", "room__title")
    actions = ("force_close",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Hosts open rooms."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        """With its part alone, and only when it is over: a row that is gone could not be closed in order."""
        return obj is not None and obj.state not in Session.RUNNING

    def get_readonly_fields(self, request: HttpRequest, obj: Session | None = None) -> list[str]:
        """All of it."""
        return [field.name for field in Session._meta.fields]

    @admin.display(description="host")
    def host(self, session: Session) -> str:
        """Connected, or how long the room waits for its host."""
        if session.host_seen_at is not None:
            return "connected"
        if session.grace_until is None:
            return ""
        left_s = max(0, (session.grace_until - timezone.now()).total_seconds())
        return f"away, {left_s:.0f} s left"

    @admin.display(description="heart-beat")
    def heart_beat(self, session: Session) -> str:
        """Age of the last sign of life."""
        if session.beat_at is None or session.state not in Session.RUNNING:
            return ""
        return f"{(timezone.now() - session.beat_at).total_seconds():.1f} s ago"

    @admin.action(description="Force-close the rooms of the selected sessions", permissions=["change"])
    def force_close(self, request: HttpRequest, queryset: QuerySet[Session]) -> TemplateResponse | None:
        """Ask first; then close: last sentences are delivered, then everyone is sent away."""
        sessions = list(queryset.filter(state__in=Session.OPEN).select_related("room"))
        if request.POST.get("confirmed"):
            self._close(request, sessions)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Close these rooms?",
            "sessions": sessions,
            "selected": request.POST.getlist("_selected_action"),
            "opts": self.model._meta,
        }
        return TemplateResponse(request, "admin/asr/session/force_close.html", context)

    def _close(self, request: HttpRequest, sessions: list[Session]) -> None:
        closed = 0
        for session in sessions:
            try:
                close_room(session.room_id or 0, by=f"user {request.user.pk}")
                closed += 1
            except Conflict:
                continue  # it closed while the question stood
        rooms = "1 room is" if closed == 1 else f"{closed} rooms are"
        self.message_user(request, f"{rooms} being closed.", messages.SUCCESS)


@admin.register(Worker)
class WorkerAdmin(WorkerModelAdmin):
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
