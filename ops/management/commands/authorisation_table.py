"""Who may do what, as docs/authorisation.md has it: `manage.py authorisation_table`."""

from typing import Any

from django.core.management.base import BaseCommand

from ops.authorisation import document


class Command(BaseCommand):
    """Prints the page."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(document(), ending="")
