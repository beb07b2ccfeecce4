"""When a sentence that a person typed was spoken, in audio time, as well as anybody knows. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from asr.models import Session
from transcripts.models import Part

AUDIO_GOES_ON = timedelta(seconds=30)  # behind the last heart-beat of a process, which may have died


def typed_span(session: Session, part: Part, began_at: datetime, ended_at: datetime) -> tuple[int, int]:
    """(start_ms, end_ms) of the keys from `began_at` to `ended_at`.

    Where audio runs: how far its process had heard, and the time since its last heart-beat. Where there is none, the
    time since the part began: audio begins about then, if it comes.
    """
    start_ms = _spoken_ms(session, part, began_at)
    return start_ms, max(start_ms, _spoken_ms(session, part, ended_at))


def _spoken_ms(session: Session, part: Part, at: datetime) -> int:
    if not session.heard_ms or session.beat_at is None:
        return max(0, _ms(at - part.started_at))
    return max(0, session.heard_ms + _ms(min(at - session.beat_at, AUDIO_GOES_ON)))


def _ms(span: timedelta) -> int:
    return round(span.total_seconds() * 1000)
