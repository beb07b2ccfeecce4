"""Texts that scripts show, translated here: a page puts its catalogue beside itself with `json_script`.

`static/js/texts.js` reads it: `text("waiting", {seconds: 3})` fills `{seconds}`. A page's own texts stand in its module
as a function that returns a dictionary of gettext calls, because the language is known with the request.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.html import json_script
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

ELEMENT_ID = "texts"


def catalogue(texts: Mapping[str, str]) -> SafeString:
    """The element that holds a page's texts and those that every page has; to be put into the template."""
    return json_script({**common(), **texts}, ELEMENT_ID)


def common() -> dict[str, str]:
    """What every script may have to say. The keys of errors are codes of refusals with "error." in front."""
    return {
        "error.not_signed_in": _("You are no longer signed in. Sign in again; nothing is lost."),
        "error.csrf": _("This page was open for too long. Load it again, then repeat what you did."),
        "error.not_ready": _("The server is not ready. Try again in a few seconds."),
        "error.offline": _("No connection to the server. Check the network; the page tries again by itself."),
        "error.other": _("That did not work. Try again; if it stays so, tell an organiser."),
    }
