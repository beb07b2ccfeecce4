"""The app's start-up: what is said is heard here."""

from typing import Any

from django.apps import AppConfig


class TranslationConfig(AppConfig):
    """Sentences into other languages."""

    name = "translation"

    def ready(self) -> None:
        """New and corrected sentences wake the translation; a part that ended is completed."""
        from transcripts.signals import part_ended, sentences_committed

        sentences_committed.connect(_wake, dispatch_uid="translation.wake")
        part_ended.connect(_complete, dispatch_uid="translation.complete")


def _wake(sender: Any, room_id: int, part_id: int, corrected: bool, **_: Any) -> None:
    from translation.wake import bell

    bell.ring("wake", room_id)
    if corrected:
        bell.ring("complete", part_id)


def _complete(sender: Any, part_id: int, **_: Any) -> None:
    from translation.wake import bell

    bell.ring("complete", part_id)
