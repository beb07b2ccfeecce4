"""manage.py make_key NAME [--days N]"""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rooms.access import make_key
from rooms.errors import DomainError, in_words

WORDS = {
    "no_such_login": "The environment has no such login: HOST_PASSWORD's is 'host', HOST_PASSWORDS names others, ADMIN_PASSWORD's is 'admin'",
    "no_such_person": "There is no such user: run manage.py migrate, or the user was erased or locked out",
}
LONGEST_DAYS = 366


class Command(BaseCommand):
    """A login key for a program."""

    help = (
        "Print a login key for a program that cannot log in: a bearer token of the wires that ask for one."
        " It is worthless once its login's password changes, and can be revoked in the admin."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, and for how long."""
        parser.add_argument("name", help="the login: host, a name of HOST_PASSWORDS, or admin")
        parser.add_argument("--days", type=int, default=30, help="how long it is good (default: 30)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it, and print it alone on a line."""
        if not 0 < options["days"] <= LONGEST_DAYS:
            raise CommandError(f"--days: 1 to {LONGEST_DAYS}")
        try:
            made = make_key(options["name"], lifetime=timedelta(days=options["days"]))
        except DomainError as error:
            raise CommandError(in_words(error.code, error.parameters, WORDS)) from error
        self.stdout.write(made.key)
