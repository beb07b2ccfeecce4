"""/: what is on now and next, by hall, and today's later talks with votes for captions. Brings itself up to date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core import signing
from django.core.cache import caches
from django.core.signing import BadSignature
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import path
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from ninja import Router, Schema

from asr.rooms.selectors import active_rooms
from pages import texts
from pages.languages import shown_name
from pages.session import identity_of
from rooms import selectors, services, throttle
from rooms.address import address_of
from rooms.errors import Conflict
from rooms.models import Room
from rooms.programme import HallProgramme, programme_of
from transcripts.selectors import room_states
from translation.offers import langs_in_rooms

LONGEST_QUERY = 100
VOTES_COOKIE = "votes"
VOTES_KEPT = 200
VOTES_REMEMBERED_S = int(timedelta(days=30).total_seconds())

router = Router()


@dataclass(frozen=True, slots=True)
class TalkCard:
    """A talk as the page shows it. `state`: "", "live", "waiting", "grace" or "closing"; `langs`: it can be read in so many; `voted` None: it cannot be voted on."""

    room: Room
    starts_at: datetime | None
    ends_at: datetime | None
    state: str = ""
    lang: str = ""
    langs: int = 1
    votes: int = 0
    voted: bool | None = None

    @property
    def speakers(self) -> str:
        """As the schedule has them."""
        return ", ".join(self.room.presenters)

    @property
    def place(self) -> str:
        """As the schedule has it."""
        return self.room.hall.name if self.room.hall else self.room.location

    def contains(self, words: list[str]) -> bool:
        """Whether each word stands in its title, speakers, track or place."""
        said = " ".join([self.room.title, self.speakers, self.room.track, self.place]).casefold()
        return all(word in said for word in words)


@dataclass(frozen=True, slots=True)
class HallCard:
    """A place with its talks."""

    hall: HallProgramme
    on: list[TalkCard]
    next: TalkCard | None


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The first page; with `part=programme` what its script replaces."""
    query = request.GET.get("q", "")[:LONGEST_QUERY].strip()
    programme = (
        _shared_html(request) if not query and VOTES_COOKIE not in request.COOKIES else _html(request, query)
    )
    if request.GET.get("part") == "programme":
        response = HttpResponse(programme)
    else:
        context = {"query": query, "programme": programme, "texts": texts.catalogue(script_texts())}
        response = render(request, "pages/index.html", context)
    patch_cache_control(response, no_cache=True, private=True)
    return response


def script_texts() -> dict[str, str]:
    """What static/js/index.js says."""
    return {
        "found.none": _("No talk matches. Try fewer letters, or clear the search."),
        "found.one": _("1 talk"),
        "found.many": _("{count} talks"),
        "stale": _(
            "No connection to the server. This page is as it was at {time} and tries again by itself."
        ),
        "vote.failed": _("Your wish was not counted. Try again."),
    }


class VoteBody(Schema):
    """Whether this browser wishes captions for the talk."""

    wanted: bool


class VoteView(Schema):
    """How many wish captions now, and whether this browser does."""

    votes: int
    wanted: bool


@router.post("/vote/{code}", response=VoteView)
def vote(request: HttpRequest, code: str, body: VoteBody, response: HttpResponse) -> VoteView:
    """One wish per browser: a signed cookie remembers it; the same wish again changes nothing."""
    voted = _voted(request)
    room = selectors.votable_room(code)
    if body.wanted == (code in voted):
        return VoteView(votes=selectors.votes_for(room), wanted=body.wanted)
    throttle.count_vote(address_of(request))  # a program throws its cookie away, or shows an old one again
    try:
        count = services.cast_vote(code, vote=body.wanted)
    except Conflict:  # taken back, though an organiser has set the count to nothing since
        count = 0
    voted = [other for other in voted if other != code] + ([code] if body.wanted else [])
    response.set_cookie(
        VOTES_COOKIE, signing.dumps(voted[-VOTES_KEPT:], salt=VOTES_COOKIE), max_age=VOTES_REMEMBERED_S,
        httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE,
    )  # fmt: skip
    return VoteView(votes=count, wanted=body.wanted)


def _shared_html(request: HttpRequest) -> SafeString:
    """As everybody sees it who has no wish and no query: a hall full of phones asks often, and for the same."""
    identity = identity_of(request)
    key = f"index:{get_language()}:{bool(identity and identity.is_admin)}"
    html: SafeString | None = caches["process"].get(key)
    if html is None:
        html = _html(request, "")
        if settings.ENV.first_page_shared_s:
            caches["process"].set(key, html, settings.ENV.first_page_shared_s)
    return html


def _html(request: HttpRequest, query: str) -> SafeString:
    context = {"query": query, **_programme(request, query.casefold().split())}
    return render_to_string("pages/index_programme.html", context, request)


def _programme(request: HttpRequest, words: list[str]) -> dict[str, Any]:
    """Some queries, however many halls and talks."""
    now = timezone.now()
    active = active_rooms()
    rooms = selectors.programme_rooms(list(active), now=now)
    ahead = timedelta(minutes=settings.ENV.room_list_ahead_min)
    programme = programme_of(rooms, active, now=now, ahead=ahead)
    states = room_states([room.pk for room in rooms if room.pk in active])
    readable = langs_in_rooms({room_id: opened.source_lang for room_id, opened in active.items()})
    voted = set(_voted(request))

    def card(room: Room) -> TalkCard:
        opened = active.get(room.pk)
        can_vote = room.origin == Room.Origin.SCHEDULE and programme.is_today and opened is None
        zone = room.event.zone
        return TalkCard(
            room,
            room.starts_at.astimezone(zone) if room.starts_at else None,
            room.ends_at.astimezone(zone) if room.ends_at else None,
            state=states.get(room.pk, "waiting") if opened else "",
            lang=shown_name(opened.source_lang if opened else selectors.spoken_lang(room)),
            langs=len(readable[room.pk]) if opened else 1,
            votes=selectors.votes_for(room) if can_vote else 0,
            voted=room.code in voted if can_vote else None,
        )

    halls = [
        HallCard(hall, [card(room) for room in hall.on], card(hall.next) if hall.next else None)
        for hall in programme.halls
    ]
    later = [card(room) for room in programme.later]
    if words:
        halls = [hall for hall in halls if any(talk.contains(words) for talk in _talks(hall))]
        later = [talk for talk in later if talk.contains(words)]
    return {
        "halls": halls,
        "later": later,
        "day": programme.day,
        "is_today": programme.is_today,
        "nothing_at_all": not rooms,
        "several_events": len({room.event_id for room in rooms}) > 1,
    }


def _talks(hall: HallCard) -> list[TalkCard]:
    return [*hall.on, *([hall.next] if hall.next else [])]


def _voted(request: HttpRequest) -> list[str]:
    """Codes that this browser has voted for; what is no list of ours counts as nothing."""
    try:
        found = signing.loads(
            request.COOKIES.get(VOTES_COOKIE, ""), salt=VOTES_COOKIE, max_age=VOTES_REMEMBERED_S
        )
    except BadSignature:
        return []
    return [str(code) for code in found]


urlpatterns = [path("", index, name="index")]
