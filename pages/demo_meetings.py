"""/demo/meetings: two who speak in one meeting, from a microphone, a file or the sample (gateways/meetings)."""

from __future__ import annotations

from operator import itemgetter

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from asr.sample import SAMPLE
from pages.host_texts import host_texts
from pages.languages import shown_name
from pages.session import needs
from pages.texts import catalogue

WIRE = "meetings"
PEOPLE = (("ada", "Ada", "sample"), ("bo", "Bo", "microphone"))
MODULES = [
    "js/demos/meetings.js", "js/demos/meeting_link.js", "js/demos/speaker.js", "js/demos/minutes.js",
    "js/audio/capture.js", "js/audio/devices.js", "js/host/level.js", "js/texts.js",
]  # fmt: skip


@never_cache
@require_safe
@needs("host")
def demo_meetings(request: HttpRequest) -> HttpResponse:
    """The page: a meeting takes a slot, so who opens it may host."""
    env = settings.ENV
    if WIRE not in env.wires:
        raise Http404
    langs = sorted(((code, shown_name(code)) for code in env.source_langs), key=itemgetter(1))
    context = {
        "people": PEOPLE, "langs": langs, "lang": env.default_source_lang, "modules": MODULES,
        "asks_consent": env.consent_required, "texts": catalogue(texts()),
    }  # fmt: skip
    return render(request, "pages/demo_meetings.html", context)


@require_safe
def sample(request: HttpRequest) -> HttpResponse:
    """Eleven seconds of speech in the public domain."""
    answer = HttpResponse(SAMPLE.path.read_bytes(), content_type="audio/wav")
    patch_cache_control(answer, max_age=86_400)
    return answer


def texts() -> dict[str, str]:
    """What static/js/demos/meetings.js says."""
    microphone = {key: words for key, words in host_texts().items() if key.startswith("mic.")}
    return {
        **microphone,
        "state.stopped": _("Not started"),
        "state.connecting": _("Connecting…"),
        "state.running": _("Listening"),
        "state.finishing": _("The last words are coming…"),
        "state.offline": _("No connection. Trying again by itself."),
        "state.refused": _("It could not begin: all places for captions are taken, or you are no longer signed in. Trying again."),
        "file.none": _("Choose a file first."),
        "file.unreadable": _("This browser cannot play that file. Take another one."),
        "consent.missing": _("Say first that everybody who speaks agrees."),
        "play": _("Play what was said"),
        "speaks": _("Speaking"),
        "spoke": _("Has finished"),
    }  # fmt: skip


urlpatterns = [
    path("demo/meetings", demo_meetings, name="demo_meetings"),
    path("demo/meetings/sample.wav", sample, name="demo_meetings_sample"),
]
