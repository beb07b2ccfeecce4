"""/hall/X and /room/X/screen: captions for a projector or an overlay (OBS), set by the address, alone for days."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import RegexValidator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe
from ninja import Router, Schema

from pages.failures import wants_page
from pages.languages import direction, native_name, shown_name
from pages.texts import catalogue
from rooms.errors import NotFound
from rooms.models import Hall, Room
from rooms.selectors import hall_by_slug, halls_with_a_screen, room_by_code, spoken_lang
from transcripts.selectors import room_now
from translation.offers import langs_in
from translation.selectors import target_langs

SPOKEN = "spoken"
NAMED_CHARS = 60  # of an address, in what is said about it
MODULES = [
    "js/screen.js", "js/captions.js", "js/captions_model.js", "js/sentences.js", "js/texts.js", "js/api.js", "js/wake_lock.js",
    *(f"js/reading/{name}.js" for name in ("items", "later", "reading", "rollup", "text", "when")),
]  # fmt: skip
router = Router()
colour = RegexValidator(r"\A#[0-9a-fA-F]{6}\Z", gettext_lazy("A colour such as #ffffff."))


class ScreenForm(forms.Form):
    """How a screen looks: every field is a parameter of its address."""

    lang = forms.ChoiceField(label=gettext_lazy("Language"))
    lang2 = forms.ChoiceField(label=gettext_lazy("Second language, below"), required=False)
    lines = forms.IntegerField(label=gettext_lazy("Lines"), min_value=1, max_value=8)
    size = forms.FloatField(
        label=gettext_lazy("Size of the letters"), min_value=2, max_value=20, help_text=gettext_lazy("Percent of the screen's height.")
    )  # fmt: skip
    margin = forms.FloatField(
        label=gettext_lazy("Margin"), min_value=0, max_value=20, help_text=gettext_lazy("Percent of the screen: what a projector or a broadcast may cut off.")
    )  # fmt: skip
    align = forms.ChoiceField(
        label=gettext_lazy("Place"), choices=[("bottom", gettext_lazy("Bottom")), ("middle", gettext_lazy("Middle")), ("top", gettext_lazy("Top"))]
    )  # fmt: skip
    ink = forms.CharField(
        label=gettext_lazy("Colour of the letters"),
        validators=[colour],
        widget=forms.TextInput(attrs={"type": "color"}),
    )
    paper = forms.CharField(label=gettext_lazy("Colour of the background"), validators=[colour], widget=forms.TextInput(attrs={"type": "color"}))  # fmt: skip
    opacity = forms.IntegerField(
        label=gettext_lazy("Opacity of the background"), min_value=0, max_value=100,
        help_text=gettext_lazy("Percent. 100 fills the screen; below, only the lines have a background: for an overlay."),
    )  # fmt: skip
    font = forms.ChoiceField(
        label=gettext_lazy("Typeface"),
        choices=[("sans", gettext_lazy("Plain")), ("wide", gettext_lazy("Wide")), ("serif", gettext_lazy("Serif")), ("mono", gettext_lazy("Typewriter"))],
    )  # fmt: skip
    pace = forms.ChoiceField(
        label=gettext_lazy("New words"),
        choices=[
            ("drafts", gettext_lazy("Steady, with drafts")),
            ("steady", gettext_lazy("Steady")),
            ("fast", gettext_lazy("Fast")),
        ],
        help_text=gettext_lazy(
            "Steady shows only words that never change: a translation when its sentence is over. Drafts of it come seconds earlier, in grey; some of their words change."
        ),
    )
    between = forms.ChoiceField(
        label=gettext_lazy("Between talks"), choices=[("next", gettext_lazy("What comes next")), ("nothing", gettext_lazy("Nothing"))]
    )  # fmt: skip

    def __init__(self, *args: Any, offered: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        langs = [(code, f"{native_name(code)} ({shown_name(code)})") for code in offered]
        spoken = (SPOKEN, _("As it is spoken"))
        self.fields["lang"].choices = [spoken, *langs]  # type: ignore[attr-defined]
        self.fields["lang2"].choices = [("", _("None")), spoken, *langs]  # type: ignore[attr-defined]


HALL = {
    "lang": SPOKEN, "lang2": "", "lines": 4, "size": 7, "margin": 5, "align": "middle", "ink": "#ffffff", "paper": "#000000",
    "opacity": 100, "font": "sans", "pace": "drafts", "between": "next",
}  # fmt: skip
OVERLAY = {**HALL, "lines": 2, "size": 5.5, "align": "bottom", "opacity": 70, "between": "nothing"}


@require_safe
def hall_screen(request: HttpRequest, slug: str) -> HttpResponse:
    """From talk to talk, whatever is on in this hall."""
    try:
        hall = hall_by_slug(slug)
    except NotFound:
        return _missing(request, _("There is no hall “%(name)s” yet") % {"name": slug[:NAMED_CHARS]})
    return _screen(request, hall, HALL)


@require_safe
def room_screen(request: HttpRequest, code: str) -> HttpResponse:
    """One room; by default an overlay for its stream."""
    try:
        room = room_by_code(code)
    except NotFound:
        return _missing(request, _("There is no talk “%(name)s” yet") % {"name": code[:NAMED_CHARS]})
    return _screen(request, room, OVERLAY)


def _missing(request: HttpRequest, heading: str) -> HttpResponse:
    """404, and a page that looks again: a screen is often set up before the programme is there."""
    if not wants_page(request):
        raise Http404
    context = {"heading": heading, "halls": halls_with_a_screen()}
    response = render(request, "pages/screen_missing.html", context, status=404)
    response["Cache-Control"] = "no-store"
    return response


def _screen(request: HttpRequest, place: Hall | Room, defaults: dict[str, Any]) -> HttpResponse:
    """A parameter that may not be is no screen, but the form that says what is wrong."""
    asked = {name: request.GET[name] for name in defaults if name in request.GET}
    form = ScreenForm({**defaults, **asked}, offered=_offered(place, asked))
    name = place.name if isinstance(place, Hall) else place.title
    if "setup" in request.GET or not form.is_valid():
        overlay = "&".join(f"{key}={str(value).replace('#', '%23')}" for key, value in OVERLAY.items())
        context = {"form": form, "name": name, "overlay": overlay, "plain": request.path}
        response = render(request, "pages/screen_setup.html", context, status=200 if form.is_valid() else 400)
    else:
        response = render(request, "pages/screen.html", _context(place, name, form.cleaned_data))
    response["Cache-Control"] = "no-store"
    return response


def _offered(place: Hall | Room, asked: dict[str, Any]) -> list[str]:
    """What the room can be read in; in a hall that is another talk's matter. What an address has stays: it may be spoken again."""
    every = target_langs()
    if isinstance(place, Hall):
        return every
    here = set(langs_in(place.pk, room_now(place.pk).state.source_lang or spoken_lang(place)))
    return sorted(here | {lang for lang in (asked.get("lang"), asked.get("lang2")) if lang in every})


def _context(place: Hall | Room, name: str, look: dict[str, Any]) -> dict[str, Any]:
    langs = [lang for lang in (look["lang"], look["lang2"]) if lang]
    is_hall = isinstance(place, Hall)
    first = next((lang for lang in target_langs() if lang), "en")
    setup = {
        "place": {"hall": place.slug} if isinstance(place, Hall) else {"room": place.code},
        "look": look,
        "version": version(),
        "time_zone": place.event.time_zone,
        "any_lang": first,
        "qr_code": reverse("pages:qr_code", args=["ROOM"]),
    }
    panes = [{"lang": lang, "dir": "ltr" if lang == SPOKEN else direction(lang)} for lang in langs]
    return {
        "name": name,
        "is_hall": is_hall,
        "panes": panes,
        "setup": setup,
        "modules": MODULES,
        "texts": catalogue(texts()),
    }


class VersionView(Schema):
    """What a screen compares with the version that it was loaded in."""

    version: str


@router.get("/screen/version", response=VersionView)
def screen_version(request: HttpRequest) -> VersionView:
    """Asked every minute by every screen."""
    return VersionView(version=version())


@lru_cache(maxsize=1)
def version() -> str:
    """Changes with the code of the screens; the same in every process of one release."""
    digest = hashlib.sha256()
    for folder, pattern in (
        ("static/js", "**/*.js"),
        ("static/css", "*.css"),
        ("templates/pages", "screen*.html"),
    ):
        for file in sorted((settings.BASE_DIR / folder).glob(pattern)):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def texts() -> dict[str, str]:
    """What a screen says between talks."""
    return {
        "next": _("Next"),
        "now": _("Now in this hall"),
        "soon": _("The captions are about to begin"),
        "grace": _("The hall is not heard at present"),
        "nothing": _("No further talk today"),
        "ended": _("The captions have ended"),
    }


urlpatterns = [
    path("hall/<str:slug>", hall_screen, name="hall_screen"),
    path("room/<str:code>/screen", room_screen, name="room_screen"),
]
