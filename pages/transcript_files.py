"""/room/X/transcript.srt and others: a stored transcript as a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from functools import partial

from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import path
from django.utils.cache import patch_cache_control
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from pages.session import identity_of
from rooms.audit import record_download
from rooms.errors import BadInput, Forbidden, NotFound
from rooms.selectors import room_by_code
from transcripts.files import Wish, download

PIECES_AT_ONCE = 2  # of a process: making files takes its CPU, which captions need
_turns: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}


@require_safe
def file(request: HttpRequest, code: str, form: str) -> HttpResponseBase:
    """The transcript as a file."""
    lang, beside = request.GET.get("lang", "")[:16], request.GET.get("beside", "")[:16]
    identity = identity_of(request)
    try:
        room = room_by_code(code)
        found = download(room, Wish(form, lang, beside, part_of(request)), identity)
    except NotFound:
        raise Http404 from None
    except Forbidden:
        raise PermissionDenied from None
    except BadInput as error:
        if error.code == "unknown_format":
            raise Http404 from None
        return render(request, "pages/transcript_too_long.html", {"code": code}, status=413)
    record_download(room, identity, form=form, lang=lang)
    response = StreamingHttpResponse(_in_pieces(found.content), content_type=found.content_type)
    response["Content-Disposition"] = content_disposition_header(True, found.name) or "attachment"
    patch_cache_control(response, no_store=True, private=True)
    return response


def part_of(request: HttpRequest) -> int | None:
    """The part that is asked for; None: all."""
    text = request.GET.get("part", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


async def _in_pieces(content: Iterable[str | bytes]) -> AsyncIterator[str | bytes]:
    """Each piece is made in a thread, few at once; who takes them slowly keeps nobody waiting."""
    turns = _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(PIECES_AT_ONCE))
    take = sync_to_async(partial(next, iter(content), None))
    while True:
        async with turns:
            piece = await take()
        if piece is None:
            return
        yield piece


urlpatterns = [path("room/<str:code>/transcript.<str:form>", file, name="transcript_file")]
