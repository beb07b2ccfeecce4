"""The app's start-up: connects the signals of transcripts."""

from typing import Any

from django.apps import AppConfig


class TranslationConfig(AppConfig):
    """Sentences into other languages."""

    name = "translation"

    def ready(self) -> None:
        """Committed sentences wake the workers, ended parts are completed, deletions lock jobs too."""
        from transcripts.signals import about_to_delete, part_ended, sentences_committed

        sentences_committed.connect(_wake, dispatch_uid="translation.wake")
        part_ended.connect(_complete, dispatch_uid="translation.complete")
        about_to_delete.connect(_lock_jobs, dispatch_uid="translation.lock_jobs")


def _wake(sender: Any, room_id: int, part_id: int, corrected: bool, **_: Any) -> None:
    from translation import services
    from translation.wake import wake_up

    if corrected:
        services.complete_part(part_id)
    wake_up.notify()


def _complete(sender: Any, part_id: int, **_: Any) -> None:
    from translation.wake import wake_up

    wake_up.notify()


def _lock_jobs(sender: Any, room_id: int, part_id: int | None, **_: Any) -> None:
    from rooms.locks import locked
    from translation.models import Job

    jobs = Job.objects.filter(room_id=room_id).only("pk")
    list(locked(jobs.filter(part_id=part_id) if part_id else jobs))
