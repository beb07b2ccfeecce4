"""What anybody may send, as docs/bounds.md has it: `manage.py bounds_table`."""

from typing import Any

from django.core.management.base import BaseCommand

from ops.bounds import document


class Command(BaseCommand):
    """Prints the page."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(document(), ending="")
