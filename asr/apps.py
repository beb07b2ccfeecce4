"""The app's start-up: what the rooms say is heard here."""

from typing import Any

from django.apps import AppConfig


class AsrConfig(AppConfig):
    """Sound to sentences."""

    name = "asr"

    def ready(self) -> None:
        """A live room whose talk becomes do-not-record is closed; who deletes locks the sessions too, and their counts stay."""
        from django.db.models.signals import post_delete

        from asr.models import Session
        from rooms.signals import recording_forbidden
        from transcripts.signals import about_to_delete, viewers_due

        recording_forbidden.connect(_close, dispatch_uid="asr.close_forbidden_room")
        viewers_due.connect(_close_to_viewers, dispatch_uid="asr.close_to_viewers")
        about_to_delete.connect(_lock_sessions, dispatch_uid="asr.lock_sessions")
        post_delete.connect(_remember, sender=Session, dispatch_uid="asr.remember_counters")


def _close(sender: Any, room: Any, **_: Any) -> None:
    from asr.rooms.ending import forbid_room

    forbid_room(room.pk)


def _close_to_viewers(sender: Any, room_id: int, **_: Any) -> None:
    from asr.rooms.ending import close_to_viewers

    close_to_viewers(room_id)


def _lock_sessions(sender: Any, room_id: int, part_id: int | None, **_: Any) -> None:
    from asr.models import Session
    from rooms.locks import locked

    sessions = Session.objects.filter(room_id=room_id).only("pk")
    list(locked(sessions.filter(part_id=part_id) if part_id else sessions))


def _remember(sender: Any, instance: Any, **_: Any) -> None:
    from asr.rooms.ending import remember_counters

    remember_counters(instance)
