"""/room/X/type: a person captions a room by hand, beside the recogniser or instead of it (asr/rooms/pen.py)."""

from __future__ import annotations

from operator import itemgetter

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from asr.rooms.pen import TYPED_MOST_CHARS
from pages import texts
from pages.languages import direction, shown_name
from pages.session import needs
from rooms.errors import NotFound
from rooms.glossary import parse
from rooms.models import Room
from rooms.selectors import room_by_code, spoken_lang
from transcripts.selectors import room_now

TERMS_MOST = 24
WITH_KEYS = 9


@never_cache
@require_safe
@needs("host")
def captioner(request: HttpRequest, code: str) -> HttpResponse:
    """The page. What must not be recorded is not typed either: the page says so."""
    try:
        room = room_by_code(code)
    except NotFound:
        raise Http404 from None
    lang = room_now(room.pk).state.source_lang or spoken_lang(room)
    context = {
        "room": room,
        "lang": lang,
        "lang_name": shown_name(lang),
        "dir": direction(lang),
        "langs": sorted(((code, shown_name(code)) for code in settings.ENV.source_langs), key=itemgetter(1)),
        "terms": _terms(room),
        "with_keys": WITH_KEYS,
        "most": TYPED_MOST_CHARS,
        "setup": {"room": room.code, "lang": lang, "most": TYPED_MOST_CHARS},
        "texts": texts.catalogue(script_texts()),
    }
    return render(request, "pages/captioner.html", context, status=403 if room.do_not_record else 200)


def script_texts() -> dict[str, str]:
    """What static/js/captioner.js says."""
    return {
        "correct": _("Correct"),
        "correct.label": _("The corrected sentence. Enter saves it, Escape leaves it as it was."),
        "count": _("{left} characters left"),
        "undo.nothing": _("You have written nothing here that could be taken back."),
        "state.live": _("Live"),
        "state.waiting": _("Starting"),
        "state.grace": _("Host away"),
        "state.closed": _("Not open"),
        "state.unknown": _("Connecting"),
        "pen.you": _("You are writing"),
        "pen.you.hint": _(
            "The recogniser is quiet. It goes on four seconds after your last key, or at once with Ctrl+Enter."
        ),
        "pen.nobody": _("The recogniser is writing"),
        "pen.nobody.hint": _("Start to type: it finishes its words and makes way for you. What is in the box stays there."),
        "pen.closed": _("Nobody is writing"),
        "pen.closed.hint": _("The room is not open. What you type stays in the box."),
        "pen.alone": _("Nobody is writing"),
        "pen.alone.hint": _("Nothing is heard in this room. The audience reads what you type."),
        "pen.other": _("Somebody else is typing"),
        "pen.other.hint": _("What you write is kept here, and sent as soon as they stop."),
        "pen.unknown": _("No connection"),
        "pen.unknown.hint": _("Go on typing. What you finish is kept here and sent when the connection is back."),
        "connection.live": _("Connected"),
        "connection.connecting": _("Connecting"),
        "connection.offline": _("Connection lost, trying again"),
        "connection.refused": _("Not connected"),
        "waiting.one": _("1 sentence is not sent yet"),
        "waiting.many": _("{count} sentences are not sent yet"),
        "error.pen_taken": _("Somebody else is typing. Your sentence is kept here and sent as soon as they stop."),
        "error.pen_lost": _("Your sentence was not sent. Press a key and it is sent again."),
        "error.not_active": _("This room is not open, so nobody would see it. Ask the host to start; your text stays here."),
        "error.not_now": _("The server cannot store text right now. Your sentence is kept and sent again by itself."),
        "error.language_unknown": _("This language cannot be chosen here. Take another one."),
        "error.text_missing": _("There was nothing in it that can be read."),
        "error.text_too_long": _("This sentence is too long. Cut it in two; it is back in the box."),
        "error.sentence_changed": _("Somebody else has changed this sentence meanwhile. Look at it again, then correct it."),
        "error.sentence_not_found": _("This sentence is gone."),
        "error.do_not_record": _("This talk must not be recorded, so it is not captioned either."),
        "error.room_not_found": _("There is no such room any more. Go back to the first page."),
        "error.message_unknown": _("This page and the server do not understand each other. Load the page again."),
    }  # fmt: skip


def _terms(room: Room) -> list[str]:
    """Names and terms that this talk is likely to need: its speakers, then its glossary."""
    named = [*room.presenters, *(term.text for term in parse(room.glossary).terms)]
    return list(dict.fromkeys(term.strip() for term in named if term.strip()))[:TERMS_MOST]


urlpatterns = [path("room/<str:code>/type", captioner, name="captioner")]
