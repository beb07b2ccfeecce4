"""manage.py export_person NAME"""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from rooms.errors import NotFound
from rooms.personal_data import held_about


class Command(BaseCommand):
    """List what is held about a person."""

    help = "Print what is held about a person with a login, as JSON: account, keys, consents, what they hosted, said and changed."

    def add_arguments(self, parser: CommandParser) -> None:
        """Who."""
        parser.add_argument("name", help="the login or user name")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        try:
            found = held_about(options["name"])
        except NotFound as error:
            raise CommandError("There is no such user") from error
        self.stdout.write(json.dumps(found, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2))
