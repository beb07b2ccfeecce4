"""The halls that a schedule names, each with a slug of its own."""

from collections.abc import Iterable, Iterator
from itertools import count

from django.utils.text import slugify

from rooms.models import Event, Hall

SLUG_LENGTH = 80


def halls_named(event: Event, names: Iterable[str]) -> dict[str, Hall]:
    """The event's halls by name, made where they are missing. Call under the lock of imports."""
    wanted = dict.fromkeys(name for name in names if name)
    halls = {hall.name: hall for hall in Hall.objects.filter(event=event)}
    missing = [name for name in wanted if name not in halls]
    if missing:
        taken = set(Hall.objects.values_list("slug", flat=True))
        for name in missing:
            slug = next(slug for slug in _slugs(event, name) if slug not in taken)
            taken.add(slug)
            # An admin may give the name or the slug away at this moment: then it waits for the next import.
            Hall.objects.bulk_create([Hall(event=event, name=name, slug=slug)], ignore_conflicts=True)
        halls = {hall.name: hall for hall in Hall.objects.filter(event=event)}
    return {name: halls[name] for name in wanted if name in halls}


def _slugs(event: Event, name: str) -> Iterator[str]:
    """What a hall may be called in an address, the plainest first."""
    plain = slugify(name)[:SLUG_LENGTH].strip("-")
    yield plain or f"{event.slug}-hall"
    longer = f"{event.slug}-{plain or 'hall'}"[:SLUG_LENGTH].strip("-")
    yield longer
    yield from (f"{longer}-{number}" for number in count(2))
