"""manage.py import_schedule [PATH_OR_URL] [--event SLUG]"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rooms.errors import DomainError
from rooms.models import Event
from rooms.schedule_import import import_schedule
from rooms.words import schedule_words


class Command(BaseCommand):
    """Import a schedule now, changed or not."""

    help = "Import a pretalx/frab schedule (JSON or XML) from a file or an http(s) address."

    def add_arguments(self, parser: CommandParser) -> None:
        """The source, and whose it is."""
        parser.add_argument("source", nargs="?", default="", help="Path or URL; default: the event's own.")
        parser.add_argument("--event", default="", help="slug of the event; default: the settings' event")
        parser.add_argument(
            "--confirm", action="store_true", help="apply it also where most talks are no longer in it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Import and say what changed."""
        slug = options["event"]
        event = Event.objects.filter(slug=slug).first() if slug else None
        if slug and event is None:
            raise CommandError(f"There is no event {slug}")
        try:
            changes = import_schedule(
                options["source"], event=event, force=True, confirmed=options["confirm"]
            )
        except DomainError as error:
            raise CommandError(schedule_words(error)) from error
        if changes.waiting:
            raise CommandError(f"{changes.summary()} (--confirm)")
        self.stdout.write(changes.summary())
