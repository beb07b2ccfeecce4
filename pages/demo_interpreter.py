"""/demo/interpreter: somebody speaks, and everybody with the page's address reads and hears it in another language (gateways/interpreter)."""

from __future__ import annotations

import re
import secrets

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from pages.host_texts import host_texts
from pages.languages import native_name
from pages.texts import catalogue
from translation.offers import langs_made

WIRE = "interpreter"
MODULES = [
    "js/demos/interpreter.js", "js/demos/interpreter_link.js", "js/demos/spoken.js",
    "js/audio/capture.js", "js/audio/devices.js", "js/host/level.js", "js/texts.js",
]  # fmt: skip
_ROOM = re.compile(r"[\w-]{1,64}")


@require_safe
def demo_interpreter(request: HttpRequest) -> HttpResponse:
    """The page: nobody needs to sign in. A room of one's own stands in the address, to be passed on."""
    if WIRE not in settings.ENV.wires:
        raise Http404
    room = request.GET.get("room", "")
    if not _ROOM.fullmatch(room):
        return redirect(f"{request.path}?room={secrets.token_hex(4)}")
    spoken = settings.ENV.source_langs
    made = langs_made(spoken) or spoken  # before an engine has answered
    context = {
        "modules": MODULES,
        "texts": catalogue(texts()),
        "room": room,
        "spoken": [(code, native_name(code)) for code in spoken],
        "targets": [(code, native_name(code)) for code in made],
        "target": next((code for code in ("en", *made) if code in made), ""),
        "needs_consent": settings.ENV.consent_required,
        "keeps": settings.ENV.store_transcripts,
    }
    return render(request, "pages/demo_interpreter.html", context)


def texts() -> dict[str, str]:
    """What static/js/demos/interpreter.js says."""
    microphone = {key: words for key, words in host_texts().items() if key.startswith("mic.")}
    return {
        **microphone,
        "state.stopped": _("Not started"),
        "state.connecting": _("Connecting…"),
        "state.listening": _("You hear the others"),
        "state.running": _("Speak: it is interpreted"),
        "state.offline": _("No connection. Trying again by itself."),
        "NO_AUDIO": _("Nothing is heard. Is the microphone muted, or the wrong one?"),
        "error.capacity": _("All recognisers are in use at present. Try again in a moment."),
        "error.recogniser_failed": _("The recogniser failed. Stop, and start again."),
        "error.consent_required": _("Say first that everybody who speaks has agreed."),
        "error.audio_backlog": _("The server is behind: some of what you said is lost."),
        "error.too_many": _("The server has had enough of this microphone. Stop, and start again."),
        "copied": _("Copied"),
    }


urlpatterns = [path("demo/interpreter", demo_interpreter, name="demo_interpreter")]
