"""Reads of sentences that were stored in several pieces (transcripts/sentences.py has the rule)."""

from django.db.models import Q, QuerySet

from transcripts.models import Part, Sentence


def whole_sentence(row: Sentence) -> list[Sentence]:
    """All pieces of a sentence as they are by now, in order; the row itself is among them.

    It is complete where the last one `ends`; its part's end ends it, too.
    """
    here = Sentence.with_removed.filter(part_id=row.part_id, track_id=row.track_id)
    before = here.filter(index__lt=row.index, ends=True).order_by("-index").values_list("index", flat=True)
    last = here.filter(index__gte=row.index, ends=True).order_by("index").values_list("index", flat=True)
    first, end = before.first(), last.first()
    pieces = here if first is None else here.filter(index__gt=first)
    return list((pieces if end is None else pieces.filter(index__lte=end)).order_by("index"))


def unfinished_sentence(part: Part) -> list[Sentence]:
    """The pieces, in order, of the sentence that goes on behind all that was spoken in `part`; none where none does."""
    spoken = spoken_in(part)
    last = spoken.filter(ends=True).order_by("-index").values_list("index", flat=True).first()
    return list((spoken if last is None else spoken.filter(index__gt=last)).order_by("index"))


def newest_of(spoken: QuerySet[Sentence], count: int) -> Q:
    """Where in a room the newest `count` of these sentences are with all their pieces, and one that goes on. One query."""
    ends = spoken.filter(ends=True).order_by("-part__number", "-index")
    bound = list(ends.values_list("part__number", "index")[count : count + 1])
    return behind(*bound[0]) if bound else Q()


def spoken_in(part: Part) -> QuerySet[Sentence]:
    """What was spoken in `part`, with what was removed."""
    return Sentence.with_removed.filter(part=part, track__room=part.room_id, track__lang=part.source_lang)


def behind(number: int, index: int) -> Q:
    """Sentences of a room behind this place."""
    return Q(part__number__gt=number) | Q(part__number=number, index__gt=index)
