"""Rooms, votes and login keys for the people who run the event."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import URLPattern, path

from rooms import access
from rooms.admin_events import EventAdmin, HallAdmin, say_result
from rooms.admin_export import Exported
from rooms.admin_filters import LastImportFilter, RoomFilter, ScheduleStateFilter
from rooms.audit import Actor, acting
from rooms.consent import withdraw_consent
from rooms.errors import BadInput
from rooms.locks import update_in_order
from rooms.models import AccessKey, AuditEntry, Consent, Room, Vote
from rooms.schedule_import import import_schedules
from rooms.selectors import votes_for
from rooms.services import delete_rooms, request_stop_recording
from rooms.words import schedule_words

__all__ = [
    "AccessKeyAdmin",
    "AuditEntryAdmin",
    "ConsentAdmin",
    "EventAdmin",
    "HallAdmin",
    "RoomAdmin",
    "VoteAdmin",
]

# The next import would overwrite these in a room that the schedule made.
OWNED_BY_SCHEDULE = (
    "event", "hall", "code", "title", "abstract", "track", "colour", "location", "presenters", "starts_at", "ends_at",
    "language",
)  # fmt: skip


class RoomForm(forms.ModelForm[Room]):
    """A room with its presenters as a list of names."""

    class Meta:
        model = Room
        exclude = ("schedule_event",)  # noqa: DJ006  # the schedule's own words; a new field of a room belongs to the form

    def clean_presenters(self) -> list[str]:
        """Names only: everything that shows rooms relies on it."""
        names = self.cleaned_data["presenters"]
        if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
            raise ValidationError('A list of names, for instance ["Ada Lovelace", "Alan Turing"].')
        return [name.strip() for name in names]

    def clean(self) -> dict[str, Any] | None:
        """A room does not end before it starts, and its hall is of its event."""
        cleaned = super().clean()
        if hall := self.cleaned_data.get("hall"):
            self.cleaned_data["event"] = event = self.cleaned_data.get("event") or hall.event
            if hall.event != event:
                self.add_error("hall", "A hall of another event.")
        starts_at, ends_at = self.cleaned_data.get("starts_at"), self.cleaned_data.get("ends_at")
        if starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", "It must end after it starts.")
        return cleaned


@admin.register(Room)
class RoomAdmin(Exported, admin.ModelAdmin[Room]):
    """Create and edit rooms, publish them, read the schedule again."""

    form = RoomForm
    change_list_template = "admin/rooms/room/change_list.html"
    list_display = (
        "code", "title", "event", "location", "starts_at", "language", "imported", "published", "do_not_record", "votes",
    )  # fmt: skip
    list_filter = (
        ScheduleStateFilter, LastImportFilter, "published", "do_not_record", "event", "location", "track", "language",
    )  # fmt: skip
    export_fields = (
        "code", "event__slug", "title", "presenters", "track", "location", "starts_at", "ends_at", "language", "source_lang",
        "origin", "in_schedule", "published", "do_not_record", "imported", "imported_at", "vote__count",
    )  # fmt: skip
    list_select_related = ("vote", "event")
    list_per_page = 50
    search_fields = ("code", "title", "location", "track", "presenters")
    date_hierarchy = "starts_at"
    actions = ("publish", "unpublish")

    def get_readonly_fields(self, request: HttpRequest, obj: Room | None = None) -> tuple[str, ...]:
        """What the schedule owns is changed in the schedule."""
        fixed = ("origin", "in_schedule", "imported", "imported_at", "votes")
        if obj is not None and obj.origin == Room.Origin.SCHEDULE:
            return (*fixed, *OWNED_BY_SCHEDULE)
        return (*fixed, "code") if obj else fixed

    @admin.display(description="votes", ordering="vote__count")
    def votes(self, room: Room) -> int:
        """How many wish captions for it."""
        return votes_for(room)

    @admin.action(description="Publish", permissions=["change"])
    def publish(self, request: HttpRequest, rooms: QuerySet[Room]) -> None:
        """List them again."""
        self.message_user(request, f"Published: {update_in_order(rooms, published=True)}.")

    @admin.action(description="Unpublish", permissions=["change"])
    def unpublish(self, request: HttpRequest, rooms: QuerySet[Room]) -> None:
        """Take them off the lists."""
        self.message_user(request, f"Unpublished: {update_in_order(rooms, published=False)}.")

    def save_model(self, request: HttpRequest, obj: Room, form: forms.ModelForm[Room], change: bool) -> None:
        """Save, and stop a recording that is no longer allowed."""
        super().save_model(request, obj, form, change)
        if obj.do_not_record and "do_not_record" in form.changed_data:
            request_stop_recording(obj)

    def delete_model(self, request: HttpRequest, obj: Room) -> None:
        """While others read; the audit log says who did it."""
        self.delete_queryset(request, Room.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Room]) -> None:
        """The same, for each that was ticked."""
        with acting(Actor(request.user.pk, "admin")):
            delete_rooms(queryset)

    def get_urls(self) -> list[URLPattern]:
        """One address more: reading the schedule."""
        view = self.admin_site.admin_view(self.import_schedule)
        return [path("import-schedule/", view, name="rooms_room_import_schedule"), *super().get_urls()]

    def import_schedule(self, request: HttpRequest) -> HttpResponse:
        """Read every event's schedule now and say what changed."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not (self.has_add_permission(request) and self.has_change_permission(request)):
            raise PermissionDenied
        results = import_schedules(force=True, confirmed="confirmed" in request.POST)
        for event, result in results.items():
            say_result(request, event, result)
        if not results:
            messages.error(request, schedule_words(BadInput("no_schedule")))
        return redirect("admin:rooms_room_changelist")


class ReadOnlyAdmin:
    """Looked at, not edited."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Made elsewhere."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Changed elsewhere."""
        return False


@admin.register(Vote)
class VoteAdmin(Exported, ReadOnlyAdmin, admin.ModelAdmin[Vote]):
    """How many wish captions for which talk."""

    list_display = ("room", "count")
    list_filter = (RoomFilter, "room__event")
    export_fields = ("room__code", "room__title", "count")
    list_select_related = ("room",)
    ordering = ("-count",)
    search_fields = ("room__code", "room__title")


@admin.register(AccessKey)
class AccessKeyAdmin(ReadOnlyAdmin, admin.ModelAdmin[AccessKey]):
    """Who is logged in; a key itself is shown nowhere."""

    list_display = ("user", "created_at", "expires_at", "revoked_at")
    list_filter = ("user__groups",)
    list_select_related = ("user",)
    search_fields = ("user__username",)
    fields = list_display
    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Revoking needs the right to change keys, though none is ever edited."""
        return bool(request.user.has_perm("rooms.change_accesskey"))

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, keys: QuerySet[AccessKey]) -> None:
        """Make the keys worthless at once."""
        self.message_user(request, f"Revoked: {access.revoke(list(keys))}.")


@admin.register(AuditEntry)
class AuditEntryAdmin(Exported, ReadOnlyAdmin, admin.ModelAdmin[AuditEntry]):
    """Who did what, when; nobody edits it and nobody deletes it."""

    list_display = ("at", "action", "room_code", "user", "role", "details")
    list_filter = ("action", "role")
    export_fields = ("at", "action", "room_code", "user__username", "role", "details")
    list_select_related = ("user",)
    list_per_page = 50
    search_fields = ("room_code", "user__username")
    date_hierarchy = "at"
    ordering = ("-pk",)
    show_full_result_count = False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """The database refuses it, too."""
        return False


@admin.register(Consent)
class ConsentAdmin(Exported, ReadOnlyAdmin, admin.ModelAdmin[Consent]):
    """Who allowed what, when; nobody edits it and nobody deletes it."""

    list_display = (
        "given_at", "user", "room_code", "event", "audio", "keep_text", "public", "wording", "wording_version",
        "wording_lang", "withdrawn_at",
    )  # fmt: skip
    list_filter = (RoomFilter, "keep_text", "public", "wording", "wording_version", "event")
    export_fields = (
        "given_at", "user__username", "room_code", "event__slug", "audio", "keep_text", "public", "wording",
        "wording_version", "wording_lang", "wording_sha256", "withdrawn_at",
    )  # fmt: skip
    list_select_related = ("user", "event")
    list_per_page = 50
    search_fields = ("room_code", "user__username")
    date_hierarchy = "given_at"
    ordering = ("-pk",)

    actions = ("withdraw",)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """It says why there is a text."""
        return False

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        """Who may delete transcripts."""
        return request.user.has_perm("transcripts.delete_part")

    @admin.action(description="Withdraw: delete what was made under them", permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Consent]) -> None:
        """For somebody who asks by another way than their own page."""
        count = sum(
            withdraw_consent(consent, by=Actor(request.user.pk, "admin"))
            for consent in queryset.order_by("pk")
        )
        messages.success(request, f"Withdrawn: {count}. What was said under them is deleted.")
