"""Celery: old transcripts go, and what is left of removed sentences."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from transcripts.at_rest import destroy_unneeded_keys
from transcripts.removal import purge_tombstones, settle_deletions, unneeded_tombstones
from transcripts.retention import delete_overdue

TOMBSTONES_STAY = timedelta(hours=1)  # longer than anybody comes back to where it was


@shared_task(name="transcripts.tasks.purge_tombstones", ignore_result=True)
def purge() -> int:
    """Delete what is left of removed sentences where nobody can have missed the removal. Returns how many."""
    settle_deletions(noted_before=timezone.now() - timedelta(minutes=1))
    destroy_unneeded_keys()
    before = timezone.now() - TOMBSTONES_STAY
    rooms = unneeded_tombstones(before).values_list("part__room_id", flat=True).distinct()
    return sum(purge_tombstones(room_id=room_id, ended_before=before) for room_id in rooms)


@shared_task(name="transcripts.tasks.delete_old_transcripts", ignore_result=True)
def delete_old_transcripts() -> int:
    """Delete what is kept no longer. Returns how many parts."""
    return delete_overdue()
