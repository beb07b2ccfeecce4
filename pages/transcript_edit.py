"""What the transcript's page does for who may correct it: look at a sentence, correct it, remove it."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Query, Router, Schema

from pages.session import as_host
from rooms.access import Identity
from rooms.errors import NotFound
from rooms.selectors import room_by_code
from transcripts import editing
from transcripts.editing import SentencePlace

router = Router(auth=as_host)


class PlaceBody(Schema):
    """A sentence as the wire names it; `lang` "": the spoken one."""

    part: int
    index: int
    lang: str = ""


class CorrectionBody(PlaceBody):
    """`version`: of the text that the person has seen."""

    version: int
    text: str
    reason: str = ""


class RemovalBody(PlaceBody):
    """A sentence to be taken back."""

    version: int
    reason: str = ""


class RevisionView(Schema):
    """What was changed; `text`: what stood there before. `at` in ISO 8601."""

    action: str
    at: str
    by: str
    role: str
    reason: str
    text: str


class SentenceView(Schema):
    """A sentence as it is now, and its history, oldest first."""

    version: int
    text: str
    removed: bool
    history: list[RevisionView]


@router.get("/transcripts/{code}/sentence", response=SentenceView)
def sentence(request: HttpRequest, code: str, asked: Query[PlaceBody]) -> SentenceView:
    """For who may correct it."""
    place, identity = _place(request, code, asked)
    now = editing.look(place, identity=identity)
    revisions = [
        RevisionView(action=item.action, at=item.at.isoformat(), by=item.by, role=item.role, reason=item.reason, text=item.text)
        for item in editing.history(place, identity=identity)
    ]  # fmt: skip
    return SentenceView(version=now.version, text=now.text, removed=now.is_removed, history=revisions)


@router.post("/transcripts/{code}/correct", response=SentenceView)
def correct(request: HttpRequest, code: str, body: CorrectionBody) -> SentenceView:
    """409 `sentence_changed` where somebody else was faster."""
    place, identity = _place(request, code, body)
    row = editing.correct(
        place, text=body.text, seen_version=body.version, identity=identity, reason=body.reason
    )
    return SentenceView(version=row.version, text=row.text, removed=False, history=[])


@router.post("/transcripts/{code}/remove", response=SentenceView)
def remove(request: HttpRequest, code: str, body: RemovalBody) -> SentenceView:
    """For good."""
    place, identity = _place(request, code, body)
    editing.remove(place, seen_version=body.version, identity=identity, reason=body.reason)
    return SentenceView(version=body.version, text="", removed=True, history=[])


def _place(request: HttpRequest, code: str, body: PlaceBody) -> tuple[SentencePlace, Identity]:
    room = room_by_code(code)
    numbers = (body.part, body.index)
    if not all(0 <= number < 2**31 for number in numbers) or len(body.lang) > 16:
        raise NotFound("sentence_not_found")
    return SentencePlace(room.pk, *numbers, body.lang), request.auth  # type: ignore[attr-defined]  # ninja's
