"""The app's start-up: parts and rooms are deleted under locks, whoever deletes them."""

from typing import Any

from django.apps import AppConfig


class TranscriptsConfig(AppConfig):
    """Transcripts."""

    name = "transcripts"

    def ready(self) -> None:
        """A deletion takes its locks before it deletes anything."""
        from django.db.models.signals import post_delete, pre_delete

        from rooms.models import Room
        from rooms.signals import person_erased, person_listed
        from transcripts.models import Part

        pre_delete.connect(_lock_part, sender=Part, dispatch_uid="transcripts.lock_part")
        post_delete.connect(_part_deleted, sender=Part, dispatch_uid="transcripts.part_deleted")
        pre_delete.connect(_lock_room, sender=Room, dispatch_uid="transcripts.lock_room")
        person_listed.connect(_said_by, dispatch_uid="transcripts.said_by")
        person_erased.connect(_delete_hosted, dispatch_uid="transcripts.delete_hosted")


def _lock_part(sender: Any, instance: Any, **_: Any) -> None:
    from transcripts.removal import lock_for_deletion

    lock_for_deletion(room_id=instance.room_id, part_id=instance.pk)


def _part_deleted(sender: Any, instance: Any, **_: Any) -> None:
    from rooms.audit import Action, record
    from rooms.models import Room
    from transcripts.encryption import destroy_keys

    code = Room.objects.filter(pk=instance.room_id).values_list("code", flat=True).first() or ""
    record(Action.ERASED, code, part=instance.number)
    if instance.encrypted:
        destroy_keys([instance.pk])


def _lock_room(sender: Any, instance: Any, **_: Any) -> None:
    from transcripts.removal import lock_for_deletion

    lock_for_deletion(room_id=instance.pk)


def _said_by(sender: Any, user_id: int, **_: Any) -> dict[str, Any]:
    from transcripts.models import Sentence

    fields = ("part__room__code", "part__number", "track__lang", "index", "start_ms", "text")
    said = Sentence.objects.filter(part__owner=user_id).order_by("part", "track", "index")
    return {"transcripts.sentence.part.owner": list(said.values(*fields))}


def _delete_hosted(sender: Any, user_id: int, **_: Any) -> int:
    from transcripts.removal import delete_parts_of

    return delete_parts_of(user_id)
