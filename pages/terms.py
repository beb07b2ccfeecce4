"""/room/X/terms: a talk's glossary, edited by a host or operator, with terms proposed from the programme, slides or a script."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from django.core.files.uploadedfile import UploadedFile as DjangoUploadedFile
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from ninja import Field, File, Router, Schema, Status
from ninja.files import UploadedFile

from pages.session import as_host, identity_of, needs
from rooms import glossary
from rooms.access import Identity
from rooms.errors import DomainError, NotFound, in_words
from rooms.glossary import LineProblem, with_terms
from rooms.models import Room
from rooms.proposals.documents import DOCUMENT_MOST_BYTES
from rooms.proposals.services import PROPOSED_MOST, propose_terms
from rooms.selectors import room_by_code
from rooms.terms import GlossaryError, set_glossary

router = Router(auth=as_host)
SUFFIXES = ".pdf,.pptx,.txt,.md"


class GlossaryBody(Schema):
    """All of its lines."""

    model_config = {"extra": "forbid"}

    glossary: str = Field(max_length=glossary.MOST_CHARS)


class TermView(Schema):
    """A term, and how it reads in other languages, by their codes."""

    term: str
    translations: dict[str, str]


class GlossaryView(Schema):
    """The lines as they were written, and as they are read."""

    glossary: str
    terms: list[TermView]


class ProblemView(Schema):
    """Why a line is no term."""

    line: int
    code: str
    named: str


class ProblemsView(Schema):
    """A glossary that was not taken."""

    error: str = "bad_glossary"
    problems: list[ProblemView]


class ProposedView(Schema):
    """Terms that the glossary does not have, the likeliest first."""

    terms: list[str]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs("host")
def terms(request: HttpRequest, code: str) -> HttpResponse:
    """The page. A form without a script: it proposes and saves, and keeps what was typed whatever happens."""
    try:
        room = room_by_code(code)
    except NotFound:
        raise Http404 from None
    if request.method != "POST":
        return _page(request, room, room.glossary, saved="saved" in request.GET)
    typed = request.POST.get("glossary", "")[: 2 * glossary.MOST_CHARS]
    if request.POST.get("act") == "propose":
        return _proposed(request, room, typed)
    return _saved(request, room, with_terms(typed, request.POST.getlist("accepted")[:PROPOSED_MOST]))


def _proposed(request: HttpRequest, room: Room, typed: str) -> HttpResponse:
    try:
        found = propose_terms(room, _document(request.FILES.get("document")))
    except DomainError as error:
        return _page(request, room, typed, error=_in_words(error.code), status=503 if error.retry else 400)
    there = {term.text for term in glossary.parse(typed).terms}
    found = [term for term in found if term not in there]
    return _page(request, room, typed, proposed=found, nothing=not found)


def _saved(request: HttpRequest, room: Room, text: str) -> HttpResponse:
    identity = identity_of(request)
    if request.POST.get("before") != _mark(room.glossary):
        changed = _("Somebody else has changed these terms meanwhile. Below is your text; save it again to put it in the place of theirs.")  # fmt: skip
        return _page(request, room, text, error=changed, status=409)
    try:
        set_glossary(room, text, user_id=identity.user_id if identity else None)
    except GlossaryError as error:
        said = [_line_in_words(problem) for problem in error.problems]
        return _page(request, room, text, problems=said, status=400)
    return HttpResponseRedirect(reverse("pages:terms", args=[room.code]) + "?saved")


def _page(request: HttpRequest, room: Room, text: str, *, status: int = 200, **more: Any) -> HttpResponse:
    context = {
        "room": room, "text": text, "before": _mark(room.glossary), "suffixes": SUFFIXES, "most_mb": DOCUMENT_MOST_BYTES >> 20,
        "most_lines": glossary.MOST_LINES, **more,
    }  # fmt: skip
    return render(request, "pages/terms.html", context, status=status)


def _mark(text: str) -> str:
    """What tells whether the terms are those that the page showed."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _document(file: DjangoUploadedFile[bytes] | None) -> bytes:
    return file.read(DOCUMENT_MOST_BYTES + 1) if file is not None else b""


@router.get("/room/{code}/terms", response=GlossaryView)
def read_terms(request: HttpRequest, code: str) -> GlossaryView:
    """As they are."""
    return _view(room_by_code(code))


@router.put("/room/{code}/terms", response={200: GlossaryView, 400: ProblemsView})
def write_terms(request: HttpRequest, code: str, body: GlossaryBody) -> GlossaryView | Status[ProblemsView]:
    """Replace them all; with a line that is no term nothing changes."""
    room = room_by_code(code)
    identity: Identity = request.auth  # type: ignore[attr-defined]
    try:
        set_glossary(room, body.glossary, user_id=identity.user_id)
    except GlossaryError as error:
        problems = [ProblemView(line=each.line, code=each.code, named=each.named) for each in error.problems]
        return Status(400, ProblemsView(problems=problems))
    return _view(room)


@router.post("/room/{code}/terms/proposals", response=ProposedView)
def proposals(
    request: HttpRequest,
    code: str,
    document: Annotated[UploadedFile | None, File()] = None,
) -> ProposedView:
    """Of title, abstract and speakers, and of slides or a script. Nothing is kept."""
    return ProposedView(terms=propose_terms(room_by_code(code), _document(document)))


def _view(room: Room) -> GlossaryView:
    terms = [
        TermView(term=each.text, translations=dict(each.translations))
        for each in glossary.parse(room.glossary).terms
    ]
    return GlossaryView(glossary=room.glossary, terms=terms)


def _line_in_words(problem: LineProblem) -> str:
    said = in_words(problem.code, {"named": problem.named}, _line_words())
    return _("Line {line}: {said}").format(line=problem.line, said=said)


def _line_words() -> dict[str, str]:
    return {
        "unprintable": _("It holds a character that cannot be shown."),
        "line_too_long": _("It is too long."),
        "no_term": _("There is no word before the =."),
        "term_too_long": _("The term is too long."),
        "term_twice": _("“{named}” stands in an earlier line."),
        "no_language": _(
            "“{named}” lacks its language. Write for instance: term = pt: translation, de: translation"
        ),
        "no_translation": _(
            "A translation is missing. Write for instance: term = pt: translation, de: translation"
        ),
        "translation_too_long": _("The translation ({named}) is too long."),
        "language_twice": _("The language “{named}” stands there twice."),
        "too_many_lines": _("This line and all after it are too many."),
        "too_long": _("This line and all after it are too much text."),
    }


def _in_words(code: str) -> str:
    return {
        "document_unknown": _("This is no PDF, no PowerPoint (.pptx) and no plain text. Export the slides as PDF and try again."),
        "document_broken": _("This file is damaged, or of a kind that cannot be read here. Export it as PDF and try again."),
        "document_protected": _("This PDF has a password. Save it without one and try again."),
        "document_hostile": _("This file defines things that slides have no need of, so it was not read. Export the slides as PDF and try again."),
        "document_too_large": _("This file is too large, or takes too long to read. Export the slides as PDF, or save their text as plain text."),
        "document_empty": _("There are no words in this file; perhaps its pages are pictures."),
        "busy": _("Other files are being read at present. Try again in a few seconds."),
    }.get(code, code)  # fmt: skip


urlpatterns = [path("room/<str:code>/terms", terms, name="terms")]
