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
        from rooms.signals import person_erased
        from transcripts.models import Part

        pre_delete.connect(_lock_part, sender=Part, dispatch_uid="transcripts.lock_part")
        post_delete.connect(_destroy_key, sender=Part, dispatch_uid="transcripts.destroy_key")
        pre_delete.connect(_lock_room, sender=Room, dispatch_uid="transcripts.lock_room")
        person_erased.connect(_delete_hosted, dispatch_uid="transcripts.delete_hosted")


def _lock_part(sender: Any, instance: Any, **_: Any) -> None:
    from transcripts.removal import lock_for_deletion

    lock_for_deletion(room_id=instance.room_id, part_id=instance.pk)


def _destroy_key(sender: Any, instance: Any, **_: Any) -> None:
    from transcripts.encryption import destroy_keys

    if instance.encrypted:
        destroy_keys([instance.pk])


def _lock_room(sender: Any, instance: Any, **_: Any) -> None:
    from transcripts.removal import lock_for_deletion

    lock_for_deletion(room_id=instance.pk)


def _delete_hosted(sender: Any, user_id: int, **_: Any) -> int:
    from transcripts.removal import delete_parts_of

    return delete_parts_of(user_id)
