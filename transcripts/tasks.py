"""Celery: old transcripts go."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from transcripts.models import Part


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
