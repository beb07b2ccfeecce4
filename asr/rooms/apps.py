"""The app's start-up: the kind `room` registers, and what the layers below say is heard."""

from typing import Any

from django.apps import AppConfig


class AsrRoomsConfig(AppConfig):
    """Sessions of rooms."""

    name = "asr.rooms"
    label = "asr_rooms"
    verbose_name = "ASR, rooms"

    def ready(self) -> None:
        """A live room whose talk becomes do-not-record is closed; who deletes a room or a part deletes its sessions."""
        from django.db.models.signals import post_delete

        from asr.kinds import register
        from asr.models import Session
        from asr.rooms.kind import RoomKind, TypedKind
        from asr.rooms.models import RoomSession
        from rooms.signals import consent_withdrawn, stop_recording_requested
        from transcripts.signals import about_to_delete, viewers_due

        register(Session.Kind.ROOM, RoomKind())
        register(Session.Kind.TYPED, TypedKind())
        stop_recording_requested.connect(_close, dispatch_uid="asr.stop_recording")
        consent_withdrawn.connect(_take_back, dispatch_uid="asr.consent_withdrawn")
        viewers_due.connect(_close_to_viewers, dispatch_uid="asr.close_to_viewers")
        about_to_delete.connect(_lock_sessions, dispatch_uid="asr.lock_sessions")
        post_delete.connect(_delete_session, sender=RoomSession, dispatch_uid="asr.delete_session_of_room")


def _close(sender: Any, room: Any, **_: Any) -> None:
    from asr.rooms.ending import stop_recording

    stop_recording(room.pk)


def _take_back(sender: Any, consent_id: int, **_: Any) -> None:
    from asr.rooms.withdrawal import carry_out_withdrawal

    carry_out_withdrawal(consent_id)


def _close_to_viewers(sender: Any, room_id: int, **_: Any) -> None:
    from asr.rooms.ending import close_to_viewers

    close_to_viewers(room_id)


def _lock_sessions(sender: Any, room_id: int, part_id: int | None, **_: Any) -> None:
    from asr.models import Session
    from asr.rooms.models import Pen, RoomSession
    from rooms.locks import locked

    rows = RoomSession.objects.filter(room_id=room_id, **({"part_id": part_id} if part_id else {}))
    keys = list(rows.values_list("pk", flat=True))
    list(locked(Session.objects.filter(pk__in=keys).only("pk")))
    list(locked(rows.filter(pk__in=keys).only("pk")))
    list(locked(Pen.objects.filter(room=room_id, **({"part": part_id} if part_id else {})).only("pk")))


def _delete_session(sender: Any, instance: Any, **_: Any) -> None:
    from asr.models import Session

    Session.objects.filter(pk=instance.session_id).delete()
