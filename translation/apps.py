"""The app's start-up: what is said is heard here."""

from typing import Any

from django.apps import AppConfig


class TranslationConfig(AppConfig):
    """Sentences into other languages."""

    name = "translation"

    def ready(self) -> None:
        """New and corrected sentences wake the translation; a part that ended is completed; who deletes locks cycles too."""
        from transcripts.signals import about_to_delete, part_ended, sentences_committed

        sentences_committed.connect(_wake, dispatch_uid="translation.wake")
        part_ended.connect(_complete, dispatch_uid="translation.complete")
        about_to_delete.connect(_lock_cycles, dispatch_uid="translation.lock_cycles")


def _wake(sender: Any, room_id: int, part_id: int, corrected: bool, **_: Any) -> None:
    from translation import services
    from translation.wake import bell

    if corrected:
        services.complete_part(part_id)
    bell.ring()


def _complete(sender: Any, part_id: int, **_: Any) -> None:
    from translation.wake import bell

    bell.ring()


def _lock_cycles(sender: Any, room_id: int, part_id: int | None, **_: Any) -> None:
    from rooms.locks import locked
    from translation.models import Cycle

    cycles = Cycle.objects.filter(room_id=room_id).only("pk")
    list(locked(cycles.filter(part_id=part_id) if part_id else cycles))
