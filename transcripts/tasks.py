"""Celery: old transcripts go, and what is left of removed sentences."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from transcripts.at_rest import destroy_unneeded_keys
from transcripts.models import Part
from transcripts.removal import purge_tombstones, settle_deletions, unneeded_tombstones

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
    """Delete parts that ended longer ago than RETENTION_DAYS (0: keep all). Returns how many."""
    days = settings.ENV.retention_days
    if not days:
        return 0
    old = Part.objects.filter(ended_at__lt=timezone.now() - timedelta(days=days))
    count = 0
    for part in old.order_by(
        "pk"
    ).iterator():  # each in a transaction of its own: nobody waits for all of them
        part.delete()
        count += 1
    return count
