"""The app's start-up: what the rooms say is heard here."""

from typing import Any

from django.apps import AppConfig


class AsrConfig(AppConfig):
    """Sound to sentences."""

    name = "asr"

    def ready(self) -> None:
        """A live room whose talk becomes do-not-record is closed."""
        from rooms.signals import recording_forbidden

        recording_forbidden.connect(_close, dispatch_uid="asr.close_forbidden_room")


def _close(sender: Any, room: Any, **_: Any) -> None:
    from asr.ending import forbid_room

    forbid_room(room.pk)
