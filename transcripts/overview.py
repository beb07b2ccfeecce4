"""How old each room's newest text is, for who looks after all of them."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import OuterRef, Subquery

from transcripts.models import Part, Sentence


def last_text_at(part_ids: Collection[int]) -> dict[int, datetime | None]:
    """Part → when its newest sentence was stored; None: none was yet. One query."""
    newest = Sentence.objects.filter(part=OuterRef("pk")).order_by("-created_at").values("created_at")[:1]
    parts = Part.objects.filter(pk__in=part_ids).order_by()
    return dict(parts.annotate(text_at=Subquery(newest)).values_list("pk", "text_at"))
