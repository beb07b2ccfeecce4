"""manage.py encryption status|rotate|encrypt|shred"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from redis.exceptions import RedisError

from rooms import data_keys, key_holders
from rooms.audit import Actor, acting
from rooms.encryption import Undecryptable
from transcripts.at_rest import at_rest, encrypt_stored
from transcripts.models import Part


class Command(BaseCommand):
    """Text at rest, and its keys."""

    help = "Text at rest: how it is stored, another key, encrypting what is not, destroying keys (docs/privacy.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        """What is to be done."""
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("status", help="how many parts are encrypted")
        rotate = actions.add_parser("rotate", help="wrap every key by the first one of ENCRYPTION_KEYS")
        rotate.add_argument(
            "--anyway", action="store_true", help="though a running process has not said that it has this key"
        )
        actions.add_parser("encrypt", help="encrypt what was stored before ENCRYPT_TRANSCRIPTS was set")
        shred = actions.add_parser("shred", help="delete parts with their keys: older backups are unreadable")
        shred.add_argument("room", help="the room's code")
        shred.add_argument("--part", type=int, help="number of one part; without, all of them")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it."""
        getattr(self, f"_{options['action']}")(options)

    def _status(self, options: dict[str, Any]) -> None:
        found = at_rest()
        self.stdout.write(
            f"Parts with text: {found.encrypted} encrypted ({found.unreadable} of them without their key), {found.plain} not."
        )

    def _rotate(self, options: dict[str, Any]) -> None:
        if not options["anyway"]:
            _refuse_while_some_lack_the_key()
        try:
            count = data_keys.rewrap()
        except Undecryptable as error:
            raise CommandError("A key was wrapped by one that is in neither setting: add that one") from error
        self.stdout.write(
            f"{count} keys wrapped anew. The other keys of the settings may go when every process runs with this one in front."
        )

    def _encrypt(self, options: dict[str, Any]) -> None:
        self.stdout.write(f"{encrypt_stored()} parts encrypted.")

    def _shred(self, options: dict[str, Any]) -> None:
        parts = Part.objects.filter(room__code=options["room"])
        if options["part"] is not None:
            parts = parts.filter(number=options["part"])
        if not parts:
            raise CommandError("There is no such part")
        if any(part.ended_at is None for part in parts):
            raise CommandError("It is being written: close the room first")
        with acting(Actor(role="shredded by command")):
            for part in parts:
                part.delete()
        encrypted = sum(part.encrypted for part in parts)
        self.stdout.write(f"{len(parts)} parts deleted, {encrypted} of them with a key of their own.")


def _refuse_while_some_lack_the_key() -> None:
    """They could read nothing that is wrapped by it. Raises CommandError."""
    first = data_keys.key_ring().fingerprints[0]
    try:
        lacking = [each.name for each in key_holders.holders() if first not in each.fingerprints]
    except (RedisError, OSError) as error:
        raise CommandError("Redis does not say which keys running processes have (--anyway)") from error
    if lacking:
        raise CommandError(
            f"The first key is not known to: {', '.join(lacking)}. Restart them with it in ENCRYPTION_KEYS, and wait for"
            f" {key_holders.LIVES_FOR_S:.0f} s (--anyway: they will read no transcript that is encrypted)."
        )
