"""What is encrypted at rest, as a whole: counting it, encrypting older parts, and keys that nothing needs any more."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from rooms.locks import locked
from rooms.models import DataKey
from transcripts.encryption import create_key, destroy_keys, key_name
from transcripts.models import Part, Sentence, SentenceRevision

_ROWS = 200  # in a transaction: nobody waits long


@dataclass(frozen=True, slots=True)
class AtRest:
    """Parts with text. `unreadable`: encrypted, and their key is gone."""

    encrypted: int
    plain: int
    unreadable: int


def at_rest() -> AtRest:
    """How the parts are stored."""
    parts = Part.objects.filter(Exists(Sentence.objects.filter(part=OuterRef("pk"))))
    encrypted = list(parts.filter(encrypted=True).values_list("pk", flat=True))
    keys = set(DataKey.objects.filter(name__startswith="part:").values_list("name", flat=True))
    lost = sum(key_name(pk) not in keys for pk in encrypted)
    return AtRest(len(encrypted), parts.filter(encrypted=False).count(), lost)


def encrypt_stored() -> int:
    """Encrypt what ended before it was asked for. Returns how many parts. May be stopped, and called again.

    Copies that were made before, PostgreSQL's log and backups among them, stay as they are.
    """
    count = 0
    for part in Part.objects.filter(encrypted=False).exclude(ended_at=None).order_by("pk"):
        with transaction.atomic():
            part.encrypted = True
            part.save(update_fields=["encrypted"])
            create_key(part)
        count += 1
    for part in Part.objects.filter(encrypted=True):
        while _encrypt_some(part):
            pass
    return count


def destroy_unneeded_keys() -> int:
    """Of parts that are gone, and of those that were not to be stored and have no text any more. Returns how many."""
    names = DataKey.objects.filter(name__startswith="part:").values_list("name", flat=True)
    ids = {int(name.partition(":")[2]) for name in names}
    has_text = Exists(Sentence.objects.filter(part=OuterRef("pk")))
    needed = Part.objects.filter(Q(store=True) | Q(ended_at=None) | has_text, pk__in=ids)
    return destroy_keys(sorted(ids - set(needed.values_list("pk", flat=True))))


@transaction.atomic
def _encrypt_some(part: Part) -> int:
    """Sentences with their history; those that are encrypted are in no index of words."""
    plain = Sentence.with_removed.filter(part=part).exclude(search_lang="")
    rows = list(locked(plain)[:_ROWS])
    for row in rows:
        row.part, row.search_lang = part, ""
        row.save(update_fields=["text", "search_lang"])
    for revision in SentenceRevision.objects.filter(sentence__in=rows).select_related("sentence__part"):
        revision.save(update_fields=["text"])
    return len(rows)
