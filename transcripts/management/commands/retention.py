"""manage.py retention [--delete]"""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from rooms.models import Event
from transcripts.retention import days_of, delete_overdue, overdue


class Command(BaseCommand):
    """Transcripts that are kept no longer."""

    help = "List the transcripts that are kept no longer (RETENTION_DAYS, or their event's own number); a running stack deletes them every hour."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether to delete."""
        parser.add_argument(
            "--delete", action="store_true", help="delete them now; without, nothing is changed"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """A line an event, a line a part."""
        for event in Event.objects.order_by("pk"):
            days = days_of(event)
            self.stdout.write(f"{event.slug}: " + (f"{days} days" if days else "for ever"))
        found = list(overdue())
        for item in found:
            line = f"{item.room} part {item.number}, ended {item.ended_at:%Y-%m-%d %H:%M}, {item.sentences} sentences"
            self.stdout.write(f"  {line}")
        if options["delete"]:
            self.stdout.write(f"{delete_overdue()} parts deleted.")
        else:
            self.stdout.write(f"{len(found)} parts would be deleted.")
