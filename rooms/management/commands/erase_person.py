"""manage.py erase_person NAME [--transcripts]"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rooms.erasure import erase_person
from rooms.errors import DomainError, in_words
from rooms.personal_data import held_about

WORDS = {
    "no_such_person": "There is no such user",
    "still_hosting": "A transcript of theirs is being written: close the room first",
}


class Command(BaseCommand):
    """Erase a host or an admin."""

    help = (
        "Erase a host or an admin: account, login keys, name on what they hosted and in the admin's history."
        " The names of speakers in a schedule are the schedule's: change them there."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Who, and whether with what they hosted."""
        parser.add_argument("name", help="the login or user name")
        parser.add_argument("--transcripts", action="store_true", help="delete what they hosted too")

    def handle(self, *args: Any, **options: Any) -> None:
        """Erase and say what went."""
        try:
            self._list(held_about(options["name"]))
            erased = erase_person(options["name"], transcripts=options["transcripts"])
        except DomainError as error:
            raise CommandError(in_words(error.code, error.parameters, WORDS)) from error
        self.stdout.write(f"Erased, with {erased.keys} login keys and {erased.parts} parts of transcripts.")
        if erased.password_left:
            self.stdout.write("The environment still has the password. It opens nothing now; take it out.")

    def _list(self, held: dict[str, list[Any]]) -> None:
        self.stdout.write("What is held (export_person has all of it):")
        for name, rows in held.items():
            self.stdout.write(f"  {name}: {len(rows)}")
