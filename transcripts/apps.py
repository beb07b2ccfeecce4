"""The app's start-up: parts and rooms are deleted under locks, whoever deletes them."""

from typing import Any

from django.apps import AppConfig


class TranscriptsConfig(AppConfig):
    """What was said."""

    name = "transcripts"

    def ready(self) -> None:
        """A deletion takes its locks before it deletes anything."""
        from django.db.models.signals import pre_delete

        from rooms.models import Room
        from transcripts.models import Part

        pre_delete.connect(_lock_part, sender=Part, dispatch_uid="transcripts.lock_part")
        pre_delete.connect(_lock_room, sender=Room, dispatch_uid="transcripts.lock_room")


def _lock_part(sender: Any, instance: Any, **_: Any) -> None:
    from transcripts.services import lock_for_deletion

    lock_for_deletion(room_id=instance.room_id, part_id=instance.pk)


def _lock_room(sender: Any, instance: Any, **_: Any) -> None:
    from transcripts.services import lock_for_deletion

    lock_for_deletion(room_id=instance.pk)
