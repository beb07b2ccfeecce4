"""/demo/echo: a microphone with its noise taken away, and how far away the server is (gateways/echo)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from pages.host_texts import host_texts
from pages.texts import catalogue

MODULES = [
    "js/demos/echo.js", "js/demos/echo_link.js", "js/demos/playback.js", "js/demos/round_trips.js",
    "js/audio/capture.js", "js/audio/devices.js", "js/host/level.js", "js/texts.js",
]  # fmt: skip


@require_safe
def demo_echo(request: HttpRequest) -> HttpResponse:
    """The page: nobody needs to sign in."""
    return render(request, "pages/demo_echo.html", {"modules": MODULES, "texts": catalogue(texts())})


def texts() -> dict[str, str]:
    """What static/js/demos/echo.js says."""
    microphone = {key: words for key, words in host_texts().items() if key.startswith("mic.")}
    return {
        **microphone,
        "state.stopped": _("Not started"),
        "state.connecting": _("Connecting…"),
        "state.running": _("Speak: it comes back"),
        "state.offline": _("No connection. Trying again by itself."),
        "refused.1008": _("The server has had enough of this microphone. Stop, and start again."),
        "refused.1013": _(
            "Too many people are trying this at present. It goes on by itself when there is room."
        ),
        "ms": _("{ms} ms"),
        "percent": _("{percent} %"),
    }


urlpatterns = [path("demo/echo", demo_echo, name="demo_echo")]
