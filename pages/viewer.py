"""/room/X: reading along. The newest text comes with the page; everything after that over the captions wire."""

from __future__ import annotations

from typing import Any

import segno
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.cache import patch_vary_headers
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from ninja import Router, Schema

from pages.languages import direction, native_name, shown_name
from pages.session import identity_of
from pages.texts import catalogue
from rooms.errors import NotFound
from rooms.models import Room
from rooms.selectors import next_in, room_by_code, spoken_lang
from transcripts.events import SentenceChanged
from transcripts.models import RoomState
from transcripts.selectors import newest_readable, readable_parts
from translation.offers import langs_in
from translation.selectors import target_langs

SERVER_RENDERED = 8  # sentences: more than the largest captions show
LANG_COOKIE = "captions_lang"  # the language read last, of whatever room
# In one round trip what would take three: the page's modules and what they import.
MODULES = [
    "js/viewer.js", "js/captions.js", "js/captions_model.js", "js/sentences.js", "js/texts.js", "js/api.js", "js/wake_lock.js",
    *(f"js/reading/{name}.js" for name in ("announce", "captions_view", "chunks", "dialogs", "history", "items", "later", "mark", "pace", "reading", "rollup", "screen_delay", "search", "sentence", "status", "text", "transcript", "when")),
]  # fmt: skip
router = Router()


class LanguageView(Schema):
    """A language that a room can be read in."""

    code: str
    native: str
    name: str
    dir: str


class NextView(Schema):
    """The next talk in the same hall."""

    room: str
    title: str
    starts_at: str | None


class AboutView(Schema):
    """What a viewer's page cannot know from the captions."""

    source_lang: str
    langs: list[LanguageView]
    transcript: str | None  # where it may be read
    next: NextView | None


@require_safe
def viewer(request: HttpRequest, code: str) -> HttpResponse:
    """The page. A talk that must not be recorded has none: the page says so."""
    room = _room(code)
    if room.do_not_record:
        return render(request, "pages/viewer_refused.html", {"room": room}, status=403)
    now, newest = newest_readable(room.pk, newest=SERVER_RENDERED)
    source_lang = now.state.source_lang or spoken_lang(room)
    langs = langs_in(room.pk, source_lang)
    lang = _lang_read(request, langs)
    context: dict[str, Any] = {
        "room": room,
        "lang": language(lang),
        "live": now.state.state in RoomState.OPEN,
        "sentences": shown_in(newest, lang),
        "modules": MODULES,
        "texts": catalogue(texts()),
        "about": about(request, room, langs).dict(),
        "setup": {
            "room": room.code,
            "lang": lang,
            "starts_at": _iso(room),
            "time_zone": room.event.time_zone,
        },
        "share": request.build_absolute_uri(reverse("pages:viewer", args=[room.code])),
    }
    response = render(request, "pages/viewer.html", context)
    patch_vary_headers(response, ("Accept-Language", "Cookie"))
    response["Cache-Control"] = "no-store"
    return response


@require_safe
@cache_control(max_age=3600, public=True)
def qr_code(request: HttpRequest, code: str) -> HttpResponse:
    """The address of the page, for the phones of a hall."""
    address = request.build_absolute_uri(reverse("pages:viewer", args=[_room(code).code]))
    lang = request.GET.get("lang", "")
    if lang in target_langs():
        address += "?" + urlencode({"lang": lang})
    svg = segno.make_qr(address, error="m").svg_inline(border=4, dark="#000", light="#fff", omitsize=True)
    return HttpResponse(
        svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1), content_type="image/svg+xml"
    )


@router.get("/room/{code}/about", response=AboutView)
def about_room(request: HttpRequest, code: str) -> AboutView:
    """Asked again when another language is spoken, and when the room closes."""
    room = room_by_code(code)
    now, _newest = newest_readable(room.pk, newest=1)
    return about(request, room, langs_in(room.pk, now.state.source_lang or spoken_lang(room)))


def about(request: HttpRequest, room: Room, langs: list[str]) -> AboutView:
    """The languages on offer, the spoken one first, and where to go from here."""
    readable = readable_parts(identity_of(request)).filter(room=room, sentences__isnull=False).exists()
    following = next_in(room.hall) if room.hall else None
    return AboutView(
        source_lang=langs[0],
        langs=_offered(request, langs),
        transcript=f"/room/{room.code}/transcript" if readable else None,
        next=NextView(room=following.code, title=following.title, starts_at=_iso(following))
        if following
        else None,
    )


def language(code: str) -> LanguageView:
    """A language as the picker shows it."""
    return LanguageView(code=code, native=native_name(code), name=shown_name(code), dir=direction(code))


def shown_in(sentences: list[SentenceChanged], lang: str) -> list[dict[str, str]]:
    """The sentences as they are read in `lang`: a missing or outdated translation gives way to what was spoken."""
    spoken = {(each.part, each.index): each for each in sentences if each.of_version is None}
    own = {(each.part, each.index): each for each in sentences if each.lang == lang}
    shown = []
    for place, original in sorted(spoken.items()):
        each = own.get(place, original)
        if each.of_version is not None and each.of_version != original.version:
            each = original
        if each.text:
            shown.append({"lang": each.lang, "dir": direction(each.lang), "text": each.text})
    return shown


def _room(code: str) -> Room:
    try:
        return room_by_code(code)
    except NotFound as error:
        raise Http404 from error


def _lang_read(request: HttpRequest, langs: list[str]) -> str:
    """What the address says, else what was read last, else what is spoken: the truest, and there at once."""
    asked = (request.GET.get("lang", ""), request.COOKIES.get(LANG_COOKIE, ""))
    return next((lang for lang in asked if lang in langs), langs[0])


def _offered(request: HttpRequest, langs: list[str]) -> list[LanguageView]:
    """What is spoken, then the browser's own language, then the others by their names."""
    accepted = request.headers.get("Accept-Language", "").partition(",")[0].partition(";")[0].strip()
    own = (accepted, accepted.partition("-")[0].lower())
    offered = [language(lang) for lang in langs]
    return sorted(
        offered, key=lambda each: (each.code != langs[0], each.code not in own, each.native.casefold())
    )


def _iso(room: Room) -> str | None:
    return room.starts_at.isoformat() if room.starts_at else None


def texts() -> dict[str, str]:
    """What the page's scripts say."""
    return {
        "state_connecting": _("Connecting …"),
        "state_live": _("Live"),
        "state_waiting": _("Starting"),
        "state_grace": _("Interrupted"),
        "state_closed": _("Not live"),
        "state_offline": _("No connection. Trying again …"),
        "offline_help": _("Nothing will be missing."),
        "delay": _("about {seconds} s late"),
        "offset": _("{seconds} s later by choice"),
        "rate": _("{words} words a minute"),
        "untranslated": _(
            "No more translations today: this room's share is used up. You read what is spoken."
        ),
        "newer": _("{count} newer lines"),
        "newer_one": _("1 newer line"),
        "to_end": _("To the newest line"),
        "marked": _("Marked: {word}"),
        "unmarked": _("The mark is gone"),
        "found": _("{count} found"),
        "found_one": _("1 found"),
        "found_at": _("{at} of {count}"),
        "found_so_far": _("{count} so far …"),
        "spoken_here": _("spoken here"),
        "copied": _("Copied."),
        "copy_by_hand": _("The address is selected: copy it with your device's menu."),
        "waiting": _("The captions are about to begin"),
        "waiting_help": _("The microphone is on; the first words come in a few seconds. Nothing to do."),
        "grace": _("The hall is not heard at present"),
        "grace_help": _(
            "As soon as the microphone is back the captions go on here. Otherwise they end in {time}."
        ),
        "before": _("Begins at {time}"),
        "not_open": _("Nobody speaks here yet"),
        "not_open_help": _("Leave this page open: captions appear by themselves as soon as somebody speaks."),
        "closed": _("The captions have ended"),
        "closed_help": _(
            "You can still read what is on this page. Should somebody speak again, it goes on here."
        ),
        "closed_help_transcript": _(
            "The whole text stays online. Should somebody speak again, it goes on here."
        ),
        "to_transcript": _("Read the whole transcript"),
        "next_talk": _("Next in this hall, {time}: {title}"),
        "refused": _("There are no captions at this address any more"),
        "refused_help": _(
            "The talk was taken off the programme, or must not be captioned. All talks are on the first page."
        ),
        "refused_do_not_record": _("No captions: the speaker does not want to be recorded"),
        "refused_room_not_found": _("This room does not exist any more"),
        "refused_language_unknown": _("This language is not offered any more: choose another"),
    }


urlpatterns = [
    path("room/<str:code>", viewer, name="viewer"),
    path("room/<str:code>/qr.svg", qr_code, name="qr_code"),
]
