"""/transcripts: stored transcripts by day, with filters, and search in what was said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.cache import patch_cache_control
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from pages.languages import direction, shown_name
from pages.session import identity_of
from rooms.access import Identity
from rooms.errors import DomainError
from rooms.models import Room
from transcripts.archive import PAGE_ENTRIES, Entry, Filters, by_day, readable_entries, with_details
from transcripts.search import PAGES_MOST, QUERY_MOST_CHARS, FoundRoom, Hit, search

NAMED_MOST = 6


@dataclass(frozen=True, slots=True)
class Choice:
    """A filter with its options, value and name each; the one that is chosen."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    chosen: str


@dataclass(frozen=True, slots=True)
class Card:
    """A transcript in the list. `spoken`, `translated`: names in the language of the page."""

    entry: Entry
    spoken: str
    translated: str

    @property
    def speakers(self) -> str:
        """As the schedule has them."""
        return ", ".join(self.entry.room.presenters)


@dataclass(frozen=True, slots=True)
class ShownHit:
    """A found sentence with its address, its time and how it is written."""

    hit: Hit
    address: str
    time: str
    lang_name: str
    direction: str


@dataclass(frozen=True, slots=True)
class FoundTalk:
    """A talk with what was found in it; `more`: how many sentences are not shown."""

    found: FoundRoom
    hits: Sequence[ShownHit]
    more: int

    @property
    def speakers(self) -> str:
        """As the schedule has them."""
        return ", ".join(self.found.room.presenters)


@require_safe
def archive(request: HttpRequest) -> HttpResponse:
    """The list, or what was found."""
    identity = identity_of(request)
    query = request.GET.get("q", "").strip()[: QUERY_MOST_CHARS + 1]
    filters = Filters(**{name: request.GET.get(name, "")[:100] for name in ("event", "day", "hall", "lang")})
    number = _number(request.GET.get("page", ""))
    everything = readable_entries(identity)
    entries = [entry for entry in everything if filters.pass_(entry)]
    context = {
        "query": query, "query_most": QUERY_MOST_CHARS, "choices": _choices(everything, filters),
        "filtered": filters != Filters(), "nothing_at_all": not everything,
        "several_events": len({entry.room.event_id for entry in everything}) > 1,
    }  # fmt: skip
    if query:
        context |= _found(query, identity, entries, filters, number)
    else:
        page: Page[Entry] = Paginator(entries, PAGE_ENTRIES).get_page(number)
        cards = [(day, list(map(_card, found))) for day, found in by_day(with_details(list(page)))]
        context |= {
            "days": cards,
            "count": len(entries),
            "pages": page.paginator.num_pages,
            "page": page.number,
        }
        context |= {"before": page.number - 1, "behind": page.number + 1 if page.has_next() else 0}
    context["address"] = _address(query, filters)
    response = render(request, "pages/archive.html", context)
    patch_cache_control(response, no_cache=True, private=True)
    return response


def clock(ms: int) -> str:
    """1:02:03, or 2:03."""
    seconds = ms // 1000
    hours = f"{seconds // 3600}:{seconds // 60 % 60:02d}" if seconds >= 3600 else f"{seconds // 60}"
    return f"{hours}:{seconds % 60:02d}"


def _found(
    query: str, identity: Identity | None, entries: Sequence[Entry], filters: Filters, number: int
) -> dict[str, object]:
    """Talks that are called so, and those in which it was said."""
    words = query.casefold().split()
    named = [entry for entry in entries if entry.contains(words)][:NAMED_MOST] if number == 1 else []
    context: dict[str, object] = {"named": list(map(_card, with_details(named))), "page": number}
    rooms = Room.objects.filter(pk__in=[entry.room.pk for entry in entries])
    try:
        found = search(query, identity, rooms=rooms if filters != Filters() else None, page=number)
    except DomainError as error:
        return {**context, "refused": _refused(error)}
    talks = [_found_talk(room) for room in found.rooms]
    return {**context, "talks": talks, "before": number - 1, "behind": number + 1 if found.has_more else 0}


def _refused(error: DomainError) -> str:
    words = {
        "query_too_short": _("Type a word to search for."),
        "query_too_long": _("Search for fewer words: at most {most} characters.").format(
            most=QUERY_MOST_CHARS
        ),
        "search_busy": _("Many people are searching just now. Try again in a few seconds."),
        "search_too_slow": _("This search takes too long. Add a word, or choose a day or a place."),
    }
    return words.get(error.code, _("That did not work. Try again; if it stays so, tell an organiser."))


def _found_talk(found: FoundRoom) -> FoundTalk:
    hits = [
        ShownHit(
            hit,
            f"/room/{found.room.code}/transcript?{urlencode({'lang': hit.lang})}#p{hit.part}-s{hit.index}",
            clock(hit.start_ms),
            shown_name(hit.lang),
            direction(hit.lang),
        )
        for hit in found.hits
    ]
    return FoundTalk(found, hits, found.count - len(hits))


def _card(entry: Entry) -> Card:
    return Card(entry, _names(entry.spoken), _names(entry.translated))


def _names(langs: Sequence[str]) -> str:
    return ", ".join(shown_name(lang) for lang in langs)


def _choices(entries: Sequence[Entry], filters: Filters) -> list[Choice]:
    """Only filters that tell some of the talks apart."""
    events = {entry.room.event.slug: entry.room.event.title for entry in entries}
    days = {entry.day.isoformat(): date_format(entry.day, "DATE_FORMAT") for entry in entries}
    halls = {entry.room.hall.slug: entry.room.hall.name for entry in entries if entry.room.hall}
    langs = {lang: shown_name(lang) for entry in entries for lang in entry.spoken}
    choices = [
        Choice("event", _("Event"), list(events.items()), filters.event),
        Choice("day", _("Day"), list(days.items()), filters.day),
        Choice("hall", _("Place"), sorted(halls.items(), key=lambda hall: hall[1]), filters.hall),
        Choice("lang", _("Spoken language"), sorted(langs.items(), key=lambda lang: lang[1]), filters.lang),
    ]
    return [choice for choice in choices if len(choice.options) > 1 or choice.chosen]


def _address(query: str, filters: Filters) -> str:
    """The page's own address, for links to other pages of it."""
    given = {
        "q": query,
        "event": filters.event,
        "day": filters.day,
        "hall": filters.hall,
        "lang": filters.lang,
    }
    return "/transcripts?" + "".join(f"{urlencode({name: value})}&" for name, value in given.items() if value)


def _number(text: str) -> int:
    return (
        min(int(text), PAGES_MOST) if text.isascii() and text.isdigit() and len(text) < 6 and int(text) else 1
    )


urlpatterns = [path("transcripts", archive, name="archive")]
