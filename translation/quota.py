"""A room's quota: how many characters a day may be given to engines for it, by all workers together.

Taken before a call and given back where none was made, in one statement each, so that it is never passed. Beyond it translation stops
until the next day (UTC) or until the quota is raised; the captions know nothing of it.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from django.db.models import F, OuterRef, Subquery
from django.utils import timezone

from translation.models import TranslatedChars

QUOTA: Final = "quota"  # of Job.last_error: translation has stopped for the day
RETRY_MOST_S: Final = 60.0  # a quota that was raised by hand is noticed
KEPT: Final = timedelta(days=31)


def take(room_id: int, chars: int, *, per_day: int) -> bool:
    """Take so many of the day's characters; False: there are not so many left. `per_day` 0: no limit, nothing is counted."""
    if not per_day:
        return True
    if chars > per_day:
        return False
    day = _today()
    TranslatedChars.objects.bulk_create([TranslatedChars(room_id=room_id, day=day)], ignore_conflicts=True)
    left = TranslatedChars.objects.filter(room=room_id, day=day, chars__lte=per_day - chars)
    return bool(left.update(chars=F("chars") + chars))


def give_back(room_id: int, chars: int, *, per_day: int) -> None:
    """They were taken for a call that no engine answered."""
    if per_day:
        today = TranslatedChars.objects.filter(room=room_id, day=_today(), chars__gte=chars)
        today.update(chars=F("chars") - chars)


def used_today(room_id: int) -> int:
    """Characters taken since midnight (UTC)."""
    found = TranslatedChars.objects.filter(room=room_id, day=_today()).values_list("chars", flat=True).first()
    return found or 0


def today_of(room: str) -> Subquery:
    """For annotations of rows that know their room's key by this name; None where nothing was counted."""
    return Subquery(TranslatedChars.objects.filter(room=OuterRef(room), day=_today()).values("chars")[:1])


def retry_s(now: datetime | None = None) -> float:
    """Seconds until it is worth asking again."""
    now = now or timezone.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return min(RETRY_MOST_S, (midnight - now).total_seconds() + 1)


def forget() -> None:
    """Delete what was counted long ago."""
    TranslatedChars.objects.filter(day__lt=_today() - KEPT).delete()


def _today() -> date:
    return timezone.now().date()
