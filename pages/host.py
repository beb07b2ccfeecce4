"""/room/X/host: somebody speaks into a microphone, sees what the audience reads, and mends it."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import translation
from ninja import Field, Router, Schema

from asr.rooms.hosting import end_as_host, outlook
from asr.rooms.messages import mark_seen, messages_for_host
from asr.rooms.withdrawal import withdraw_in_room
from pages.host_texts import host_texts
from pages.languages import native_name, shown_name
from pages.session import as_host, needs
from pages.texts import catalogue
from rooms.access import Identity
from rooms.consent import Answers, record_consent
from rooms.errors import BadInput, Forbidden, NotFound
from rooms.models import Room
from rooms.selectors import room_by_code, spoken_lang
from rooms.wordings import HOST, newest_wording, wording
from transcripts.editing import SentencePlace, correct, remove
from translation.overview import readers_now, screens_now, translations_now

router = Router(auth=as_host)


class Strict(Schema):
    """What a page posts; a field too much is a mistake."""

    model_config = {"extra": "forbid"}


class AnswersBody(Strict):
    """What was answered, and to which wording."""

    keep_text: bool
    public: bool
    version: int = Field(ge=1, le=10_000)
    lang: str = Field(max_length=16)


class ConsentView(Schema):
    """What the host's socket names."""

    consent: int


class SeenBody(Strict):
    """The newest message that was read. `connection`: of the page's own socket, by which a shared login is known."""

    upto: int = Field(ge=0, lt=2**63)
    connection: str = Field("", max_length=64)


class SentenceBody(Strict):
    """A sentence as the page shows it, and its new text; `text` None: away with it."""

    part: int = Field(ge=0, lt=2**31)
    index: int = Field(ge=0, lt=2**31)
    upto: int | None = Field(None, ge=0, lt=2**31)  # the last of its pieces that the page shows
    version: int = Field(ge=0, lt=2**63)
    text: str | None = Field(None, max_length=10_000)


class DoneView(Schema):
    """It is done."""

    ok: bool = True


class WithdrawnView(Schema):
    """How many parts of the transcript are gone."""

    parts: int


class ViewersView(Schema):
    """How many read in a language."""

    lang: str
    name: str
    count: int


class MessageView(Schema):
    """What an operator wrote."""

    id: int
    text: str
    sent_at: datetime


class StateView(Schema):
    """How the room stands for its host; see asr/rooms/hosting.py."""

    state: str
    blocker: str
    notice: str
    host: str
    connection: str
    ready: bool
    is_typed: bool
    source_lang: str
    grace_left_s: float | None
    reserved_s: int
    delay_s: float | None
    translation_delay_s: float | None
    screen_s: float | None  # on the screens of who reads what is spoken
    translation_fails: list[str]
    translation_stopped: list[str]
    viewers: list[ViewersView]
    messages: list[MessageView]


@needs("host")
def host(request: HttpRequest, code: str) -> HttpResponse:
    """The page. What it cannot do now it says itself, so that it need not be loaded again."""
    try:
        room = room_by_code(code)
    except NotFound:
        raise Http404 from None
    asked = newest_wording(HOST, translation.get_language() or "en")
    offered = [
        {"code": lang, "name": shown_name(lang), "native": native_name(lang)}
        for lang in sorted(settings.ENV.source_langs)
    ]
    data = {
        "room": room.code, "lang": spoken_lang(room), "grace_s": settings.ENV.grace_s,
        "wording": {"version": asked.version, "lang": asked.lang},
    }  # fmt: skip
    context = {
        "room": room, "data": data, "asked": asked, "offered": offered, "spoken": data["lang"],
        "texts": catalogue(host_texts()),
    }  # fmt: skip
    response = render(request, "pages/host.html", context)
    response["Cache-Control"] = "no-store"
    return response


@router.get("/host/{code}", response=StateView)
def state(request: HttpRequest, code: str, connection: str = "", after: int = 0) -> StateView:
    """`connection`: of the page's own socket; `after`: the newest operator's message that the page knows."""
    identity, room = _asked(request, code)
    found = outlook(room, identity, connection_id=connection[:64])
    readers = readers_now([room.pk])
    translations = translations_now(readers).get(room.pk)
    return StateView(
        state=found.state, blocker=found.blocker, notice=found.notice, host=found.host,
        connection=found.connection_id, ready=found.ready, is_typed=found.is_typed, source_lang=found.source_lang,
        grace_left_s=found.grace_left_s, reserved_s=found.reserved_s, delay_s=found.delay_s,
        translation_delay_s=translations.delay_s if translations else None,
        screen_s=screens_now([room.pk]).get(room.pk, {}).get(found.source_lang),
        translation_fails=[shown_name(lang) for lang in sorted(translations.failing)] if translations else [],
        translation_stopped=[shown_name(lang) for lang in translations.stopped] if translations else [],
        viewers=[
            ViewersView(lang=lang, name=shown_name(lang), count=count)
            for lang, count in sorted(readers.get(room.pk, {}).items(), key=lambda each: (-each[1], each[0]))
        ],
        messages=[
            MessageView(id=message.pk, text=message.text, sent_at=message.sent_at)
            for message in messages_for_host(room.pk, after=max(0, after))
        ],
    )  # fmt: skip


@router.post("/host/{code}/consent", response=ConsentView)
def consent(request: HttpRequest, code: str, body: AnswersBody) -> ConsentView:
    """Record the answers. Raises BadInput where the page shows a wording that is not the newest any more."""
    identity, room = _asked(request, code)
    if room.do_not_record:
        raise Forbidden("do_not_record")
    if body.lang != (asked := newest_wording(HOST, body.lang)).lang or body.version != asked.version:
        raise BadInput("outdated_wording")
    answers = Answers(keep_text=body.keep_text, public=body.public)
    asked = wording(HOST, body.version, body.lang)
    recorded = record_consent(room=room, user_id=identity.user_id, answers=answers, wording=asked)
    return ConsentView(consent=recorded.pk)


@router.post("/host/{code}/end", response=DoneView)
def end(request: HttpRequest, code: str) -> DoneView:
    """Close the room for everybody."""
    identity, room = _asked(request, code)
    end_as_host(room, identity)
    return DoneView()


@router.post("/host/{code}/withdraw", response=WithdrawnView)
def withdraw(request: HttpRequest, code: str) -> WithdrawnView:
    """Withdraw one's consents for this room: what was said under them is deleted. 404 `no_consent` where there are none."""
    identity, room = _asked(request, code)
    return WithdrawnView(parts=withdraw_in_room(room, identity))


@router.post("/host/{code}/seen", response=DoneView)
def seen(request: HttpRequest, code: str, body: SeenBody) -> DoneView:
    """The host has read the operators' messages up to this one."""
    identity, room = _asked(request, code)
    if outlook(room, identity, connection_id=body.connection).host == "other":
        raise Forbidden("not_host")
    mark_seen(room.pk, upto=body.upto)
    return DoneView()


@router.post("/host/{code}/sentence", response=DoneView)
def sentence(request: HttpRequest, code: str, body: SentenceBody) -> DoneView:
    """Correct a sentence, or take it away."""
    identity, room = _asked(request, code)
    place = SentencePlace(room.pk, body.part, body.index, upto=body.upto)
    if body.text is None:
        remove(place, seen_version=body.version, identity=identity)
    else:
        correct(place, text=body.text, seen_version=body.version, identity=identity)
    return DoneView()


def _asked(request: HttpRequest, code: str) -> tuple[Identity, Room]:
    identity: Identity = request.auth  # type: ignore[attr-defined]
    return identity, room_by_code(code)


urlpatterns = [path("room/<str:code>/host", host, name="host")]
