"""/room/X/transcript: a stored transcript to read, to download and, for its host, to correct."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from asr.rooms.withdrawal import withdrawable
from pages import texts
from pages.archive import clock
from pages.languages import direction, native_name, shown_name
from pages.session import identity_of
from pages.transcript_files import part_of
from pages.transcript_text import shown_part
from rooms.access import Identity
from rooms.errors import Forbidden, NotFound
from rooms.selectors import room_by_code
from transcripts import editing
from transcripts.models import RoomState
from transcripts.page import page_of
from transcripts.reading import Transcript, transcript_of
from transcripts.selectors import editable_parts, room_states
from transcripts.text import REASON_MOST_CHARS, TEXT_MOST_CHARS


@require_safe
def transcript(request: HttpRequest, code: str) -> HttpResponse:
    """The page."""
    identity = identity_of(request)
    try:
        room = room_by_code(code)
    except NotFound:
        raise Http404 from None
    try:
        found = transcript_of(room, identity, part=part_of(request))
    except NotFound:
        return render(request, "pages/transcript_none.html", {"room": room}, status=404)
    except Forbidden:
        if identity is not None:
            raise PermissionDenied from None
        return HttpResponseRedirect(
            f"{reverse('pages:login')}?{urlencode({'next': request.get_full_path()})}"
        )
    langs = _langs(request, found)
    context = {**_about(found, identity), **_text(request, found, langs), **_choices(request, found, langs)}
    response = render(request, "pages/transcript.html", context)
    patch_cache_control(response, no_cache=True, private=True)
    return response


def _about(found: Transcript, identity: Identity | None) -> dict[str, Any]:
    """The talk, and what this caller may do."""
    room, parts = found.room, found.parts
    editable = editable_parts(identity).filter(pk__in=[part.pk for part in parts])
    numbers = sorted(editable.values_list("number", flat=True))
    removed = editing.removals(parts, identity=identity) if numbers and identity else []
    return {
        "room": room, "speakers": ", ".join(room.presenters), "place": room.hall.name if room.hall else room.location,
        "began": parts[0].started_at.astimezone(room.event.zone), "is_live": room_states([room.pk]).get(room.pk) in RoomState.OPEN,
        "is_private": room.do_not_record or not all(part.store and part.public for part in parts),
        "is_kept": all(part.store for part in parts), "editable": numbers,
        "may_withdraw": withdrawable(room, identity).exists(),
        "removed": [(clock(item.start_ms), item) for item in removed],
        "texts": texts.catalogue(script_texts()), "text_most": TEXT_MOST_CHARS, "reason_most": REASON_MOST_CHARS,
    }  # fmt: skip


def _text(request: HttpRequest, found: Transcript, langs: Sequence[str]) -> dict[str, Any]:
    begin = _begin(request)
    page = page_of(found, langs, begin=begin)
    parts = [shown_part(read, langs, zone=found.room.event.zone) for read in page.parts]
    behind = "{}.{}".format(*page.behind) if page.behind else ""
    return {
        "parts": parts,
        "behind": behind,
        "is_behind": begin != (0, 0),
        "several_parts": len(found.parts) > 1,
    }


def _choices(request: HttpRequest, found: Transcript, langs: Sequence[str]) -> dict[str, Any]:
    """What the page offers: languages, parts, files; and how it was asked for."""
    part = part_of(request)
    query = {"lang": langs[0], **({"part": part} if part else {})}
    files = [
        (form, label, urlencode(query if form != "json" else {"part": part} if part else {}))
        for form, label in _forms()
    ]
    if len(langs) > 1:
        files.insert(
            2, ("docx", _("Document, both languages side by side"), urlencode({**query, "beside": langs[1]}))
        )
    whole = transcript_of(found.room, identity_of(request)) if part else found
    names = {lang: _both_names(lang) for lang in found.langs}
    return {
        "langs": names.items(), "lang": langs[0], "beside": langs[1] if len(langs) > 1 else "",
        "lang_name": shown_name(langs[0]), "directions": [direction(lang) for lang in langs],
        "files": files, "part": part,
        "all_parts": [(item.number, item.started_at.astimezone(found.room.event.zone)) for item in whole.parts],
        "query": urlencode({"lang": langs[0], "beside": langs[1] if len(langs) > 1 else "", "part": part or ""}),
    }  # fmt: skip


def _forms() -> list[tuple[str, str]]:
    return [
        ("txt", _("Plain text")),
        ("docx", _("Document")),
        ("srt", _("Subtitles, SubRip")),
        ("vtt", _("Subtitles, WebVTT")),
        ("json", _("Data for programs, all languages")),
    ]


def _both_names(lang: str) -> str:
    shown, native = shown_name(lang), native_name(lang)
    return shown if shown == native else f"{shown} · {native}"


def _langs(request: HttpRequest, found: Transcript) -> list[str]:
    """One or two that are there; else the first that was spoken."""
    asked = [request.GET.get("lang", ""), request.GET.get("beside", "")]
    lang = asked[0] if asked[0] in found.langs else found.langs[0]
    return [lang, asked[1]] if asked[1] in found.langs and asked[1] != lang else [lang]


def _begin(request: HttpRequest) -> tuple[int, int]:
    part, _dot, index = request.GET.get("from", "").partition(".")
    both = (part, index)
    if all(text.isascii() and text.isdigit() and len(text) < 8 for text in both):
        return int(part), int(index)
    return 0, 0


def script_texts() -> dict[str, str]:
    """What static/js/transcript.js says."""
    return {
        "find.none": _("Not in this transcript"),
        "find.at": _("{at} of {count}"),
        "edit.saved": _("Saved. Everybody who reads along sees it; translations follow."),
        "edit.removed": _("Removed for everybody."),
        "edit.now": _(
            "Somebody else has changed this sentence meanwhile. This is how it reads now; correct it again if you still need to."
        ),
        "withdraw.sure": _(
            "Withdraw your consent? Everything that was said under it is deleted for everybody, in every language, for good."
        ),
        "error.no_consent": _("There is nothing that you could withdraw: you gave no consent for this talk."),
        "edit.gone": _("Somebody else has removed this sentence meanwhile."),
        "history.corrected": _("{who}, {when}: corrected. Before: “{text}”"),
        "history.corrected.gone": _("{who}, {when}: corrected. The earlier text went with the removal."),
        "history.removed": _("{who}, {when}: removed"),
        "history.reason": _("Reason: {reason}"),
        "role.host": _("Host"),
        "role.admin": _("Organiser"),
        "role.captioner": _("Captioner"),
        "error.sentence_not_found": _("This sentence is not there any more. Load the page again."),
        "error.not_your_transcript": _(
            "Only the host of this talk and organisers may correct it. Sign in as one of them."
        ),
        "error.text_missing": _("A sentence needs a text. To take it away, use “Remove”."),
        "error.text_too_long": _("This is too long for one sentence. Shorten it."),
    }


urlpatterns = [
    path("room/<str:code>/transcript", transcript, name="transcript"),
]
