"""/live: all halls on one screen for operators, and what they can do to a room (a host reads what they write in pages/host.py)."""

from __future__ import annotations

from functools import wraps
from typing import Any, cast

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe
from ninja import Router, Schema
from pydantic import Field

from asr.rooms import messages, operating
from asr.rooms.operating import Operator
from pages import texts
from pages.live_board import board
from pages.live_texts import script_texts
from pages.session import SignedIn, View, identity_of, needs
from rooms.people import may_operate
from rooms.selectors import room_by_code

MOST_MESSAGE_CHARS = 1000  # what is read at all; the service says how much is too much
router = Router()


class AsOperator(SignedIn):
    """For an action under /api: the Operator in `request.auth`."""

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        """None: 401. Raises Forbidden (`operator_required`)."""
        if identity_of(request) is None:
            return None
        return operating.operator_of(cast(User, request.user))


as_operator = AsOperator()


def for_operators(view: View) -> View:
    """Whoever is not signed in is asked to; a host who is no operator gets 403, which says what to do."""

    @needs("host")
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not may_operate(cast(User, request.user)):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return wrapped


@require_safe
@for_operators
def live(request: HttpRequest) -> HttpResponse:
    """The page, with the present board in it: the first look needs no second request."""
    context = {
        "board": board(),
        "texts": texts.catalogue(script_texts()),
        "longest_message": messages.LONGEST_CHARS,
    }
    response = render(request, "pages/live.html", context)
    patch_cache_control(response, no_store=True)
    return response


class MessageBody(Schema):
    """An operator's words for a host."""

    text: str = Field(max_length=MOST_MESSAGE_CHARS)


class HostPage(Schema):
    """Where the room can be hosted."""

    host: str


class Done(Schema):
    """It was done."""

    done: bool = True


@router.get("/live", auth=as_operator)
def state(request: HttpRequest, response: HttpResponse) -> dict[str, Any]:
    """The board of all halls (pages/live_board.py)."""
    patch_cache_control(response, no_store=True)
    return board()


@router.post("/live/{code}/open", auth=as_operator, response=HostPage)
def open_room(request: HttpRequest, code: str) -> HostPage:
    """Let a host open the talk, listed or not; where."""
    room = room_by_code(code)
    operating.open_to_hosts(room, _operator(request))
    return HostPage(host=f"/room/{room.code}/host")


@router.post("/live/{code}/restart", auth=as_operator, response=Done)
def restart(request: HttpRequest, code: str) -> Done:
    """A new recogniser process; host and viewers stay."""
    operating.restart(room_by_code(code), _operator(request))
    return Done()


@router.post("/live/{code}/close", auth=as_operator, response=Done)
def close(request: HttpRequest, code: str) -> Done:
    """Finish what was heard, then send everybody away."""
    operating.force_close(room_by_code(code), _operator(request))
    return Done()


@router.post("/live/{code}/message", auth=as_operator, response=Done)
def tell(request: HttpRequest, code: str, body: MessageBody) -> Done:
    """A message to whoever hosts the room, now or soon."""
    operating.tell_host(room_by_code(code), _operator(request), body.text)
    return Done()


def _operator(request: HttpRequest) -> Operator:
    return cast(Operator, request.auth)  # type: ignore[attr-defined]  # django-ninja's


urlpatterns = [path("live", live, name="live")]
