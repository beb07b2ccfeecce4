"""Admin: the sessions of rooms with worker, delay and heart-beat; force-closing with a confirmation."""

from __future__ import annotations

from typing import cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone

from asr.admin import heart_beat
from asr.models import Session
from asr.rooms.models import HostMessage, RoomSession
from asr.rooms.operating import Operator, force_close
from rooms.admin_export import Exported
from rooms.admin_filters import RoomFilter
from rooms.errors import Conflict


@admin.register(RoomSession)
class RoomSessionAdmin(Exported, admin.ModelAdmin[RoomSession]):
    """Sessions are made by hosts: here they are watched and closed."""

    list_display = (
        "room", "state", "hosted_by", "host", "delay_s", "heart_beat", "source_lang", "last_error", "worker", "pid",
        "generation", "part_number",
    )  # fmt: skip
    list_filter = (
        RoomFilter, "session__state", "room__event", "part__source_lang", "last_error", "session__worker",
    )  # fmt: skip
    list_select_related = ("session", "room", "part__owner")
    list_per_page = 50
    search_fields = ("room__code", "room__title", "part__owner__username")
    export_fields = (
        "room__code", "room__title", "part__number", "part__owner__username", "part__source_lang", "session__state",
        "session__created_at", "session__closed_at", "session__close_reason", "session__heard_ms", "last_error",
    )  # fmt: skip
    actions = ("force_close",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Hosts open rooms."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: RoomSession | None = None) -> bool:
        """With its part alone, and only when it is over: a row that is gone could not be closed in order."""
        return obj is not None and obj.session.state not in Session.RUNNING

    def get_readonly_fields(self, request: HttpRequest, obj: RoomSession | None = None) -> list[str]:
        """All of it."""
        return [field.name for field in RoomSession._meta.fields]

    @admin.display(ordering="session__state")
    def state(self, opened: RoomSession) -> str:
        """The session's."""
        return opened.session.state

    @admin.display(ordering="session__delay_s", description="delay, s")
    def delay_s(self, opened: RoomSession) -> float:
        """The session's."""
        return opened.session.delay_s

    @admin.display
    def source_lang(self, opened: RoomSession) -> str:
        """The part's."""
        return opened.part.source_lang

    @admin.display
    def worker(self, opened: RoomSession) -> str:
        """The session's."""
        return opened.session.worker

    @admin.display
    def pid(self, opened: RoomSession) -> int | None:
        """The session's."""
        return opened.session.pid

    @admin.display
    def generation(self, opened: RoomSession) -> int:
        """The session's."""
        return opened.session.generation

    @admin.display(description="part", ordering="part__number")
    def part_number(self, opened: RoomSession) -> int:
        """Of its room."""
        return opened.part.number

    @admin.display(description="hosted by", ordering="part__owner__username")
    def hosted_by(self, opened: RoomSession) -> str:
        """The login."""
        return str(opened.part.owner or "")

    @admin.display(description="host")
    def host(self, opened: RoomSession) -> str:
        """Connected, or how long the room waits for its host."""
        if opened.host_seen_at is not None:
            return "connected"
        if opened.grace_until is None:
            return ""
        left_s = max(0, (opened.grace_until - timezone.now()).total_seconds())
        return f"away, {left_s:.0f} s left"

    @admin.display(description="heart-beat")
    def heart_beat(self, opened: RoomSession) -> str:
        """Age of the last sign of life."""
        return heart_beat(opened.session)

    @admin.action(description="Force-close the rooms of the selected sessions", permissions=["change"])
    def force_close(self, request: HttpRequest, queryset: QuerySet[RoomSession]) -> TemplateResponse | None:
        """Ask first; then close: last sentences are delivered, then everyone is sent away."""
        sessions = list(queryset.filter(session__state__in=Session.OPEN).select_related("room"))
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
        return TemplateResponse(request, "admin/asr_rooms/roomsession/force_close.html", context)

    def _close(self, request: HttpRequest, sessions: list[RoomSession]) -> None:
        closed = 0
        for session in sessions:
            try:
                force_close(session.room, Operator(cast(User, request.user)))
                closed += 1
            except Conflict:
                continue  # it closed while the question stood
        rooms = "1 room is" if closed == 1 else f"{closed} rooms are"
        self.message_user(request, f"{rooms} being closed.", messages.SUCCESS)


@admin.register(HostMessage)
class HostMessageAdmin(admin.ModelAdmin[HostMessage]):
    """What operators told hosts; written on the page /live."""

    list_display = ("room", "text", "sent_by", "sent_at", "seen_at")
    list_filter = (RoomFilter, "room__event")
    list_select_related = ("room", "sent_by")
    search_fields = ("room__code", "room__title", "text")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """There its host is told, too."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: HostMessage | None = None) -> bool:
        """It may have been read."""
        return False
