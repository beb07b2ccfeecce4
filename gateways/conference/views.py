"""The conference wire over HTTP (docs/wires/conference.md): parse, call one service, encode."""

from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

import asr.rooms.ending
import transcripts.selectors
from gateways.conference import encode
from gateways.conference.api import ConferenceAPI, JsonBody, LoginRefused, refusals
from gateways.conference.wire import (
    CredentialsBody,
    KeyView,
    LoginBody,
    LoginView,
    OkView,
    PowerView,
    RoomListView,
    TranscriptView,
    VoteBody,
    VoteView,
)
from rooms import access, selectors, services, throttle
from rooms.access import Identity
from rooms.address import address_of
from rooms.audit import record_download
from rooms.errors import DomainError, Forbidden, NotFound, Unauthenticated
from rooms.models import LANGUAGE_CODE, passes

api = ConferenceAPI(
    title="Souffleur, conference wire",
    description="Every path is served at the root and under /backend; GET /health and the sockets: docs/wires/conference.md.",
    openapi_url=None,
    docs_url=None,
)
Login = Annotated[LoginBody, JsonBody(...)]
Credentials = Annotated[CredentialsBody, JsonBody(CredentialsBody())]
Wish = Annotated[VoteBody, JsonBody(...)]
PLAIN_TEXT: dict[str, Any] = {
    "responses": {200: {"description": "OK", "content": {"text/plain": {"schema": {"type": "string"}}}}}
}


@api.post("/login", response={200: LoginView, **refusals(400, 413, 429)})
def login(request: HttpRequest, body: Login) -> LoginView:
    """Exchange a password for a key; a wrong one is 503, 429 once an address guesses."""
    try:
        fresh = access.login(body.password, body.role, address_of(request))
    except (Unauthenticated, Forbidden) as error:
        raise LoginRefused(error.code) from None
    return LoginView(key=fresh.key, power=fresh.identity.power, expire_hours=settings.ENV.key_lifetime_hours)


@api.post("/auth", response={200: PowerView | OkView, **refusals(400, 401, 413, 429)})
def auth(request: HttpRequest, body: Credentials) -> PowerView | OkView:
    """Whether a key or a password is still good. Clients throw their login away on any failure of this."""
    if body.key is not None:
        return PowerView(power=access.identify_key(body.key).power)
    _by_password(request, body)
    return OkView()


@api.post("/validate", response={200: KeyView, **refusals(400, 401, 413)})
def validate(request: HttpRequest, body: Credentials) -> KeyView:
    """Whether a key is still good."""
    access.identify_key(body.key or "")
    return KeyView()


@api.api_operation(["HEAD"], "/room_list", response=RoomListView, include_in_schema=False)
@api.get("/room_list", response={200: RoomListView, **refusals()})
def room_list(request: HttpRequest) -> RoomListView:
    """What can be watched or opened now."""
    return encode.room_list()


@api.api_operation(["HEAD"], "/vote", response=list[VoteView], include_in_schema=False)
@api.get("/vote", response={200: list[VoteView], **refusals()})
def votes(request: HttpRequest) -> list[VoteView]:
    """Today's talks and how many wish captions for each."""
    return [encode.vote(room) for room in selectors.votable_rooms()]


@api.post("/vote/{code}", response={200: int, **refusals(400, 404, 409, 413, 429)})
def vote(request: HttpRequest, code: str, body: Wish) -> int:
    """One wish more or fewer; the new count."""
    return _vote(request, code, wanted=body.vote)


@api.get("/vote/{code}/add", response={200: int, **refusals(404, 429)})
def vote_add(request: HttpRequest, code: str) -> int:
    """One wish more, by GET, as older clients do; the new count."""
    return _vote(request, code, wanted=True)


@api.get("/vote/{code}/remove", response={200: int, **refusals(404, 409, 429)})
def vote_remove(request: HttpRequest, code: str) -> int:
    """One wish fewer, by GET; the new count."""
    return _vote(request, code, wanted=False)


@api.get(
    "/transcript_list",
    operation_id="transcript_list",
    response={200: list[TranscriptView], **refusals(400, 413)},
)
@api.post(
    "/transcript_list",
    operation_id="transcript_list_by_key",
    response={200: list[TranscriptView], **refusals(400, 413)},
)
def transcript_list(request: HttpRequest, body: Credentials) -> list[TranscriptView]:
    """Rooms with a stored transcript that this caller may read; a worn-out key reads what everybody may."""
    try:
        identity = _by_key(body)
    except Unauthenticated:
        identity = None
    return [encode.transcript(entry) for entry in transcripts.selectors.readable_rooms(identity)]


@api.get(
    "/room/{code}/transcript/{lang}",
    operation_id="transcript",
    response={200: None, **refusals(400, 401, 403, 404, 413)},
    openapi_extra=PLAIN_TEXT,
)
@api.post(
    "/room/{code}/transcript/{lang}",
    operation_id="transcript_by_key",
    response={200: None, **refusals(400, 401, 403, 404, 413)},
    openapi_extra=PLAIN_TEXT,
)
def transcript(request: HttpRequest, code: str, lang: str, body: Credentials) -> HttpResponse:
    """A room's stored transcript as text; what everybody may read needs no key, worn out or not."""
    if not passes(LANGUAGE_CODE, lang):
        raise NotFound("no_transcript")
    room = selectors.room_by_code(code)
    refused: DomainError | None = None
    try:
        identity = _by_key(body)
    except Unauthenticated as error:
        identity, refused = None, error
    try:
        text = transcripts.selectors.transcript_text(room, lang, identity)
    except Forbidden as error:
        raise refused or error from None
    record_download(room, identity, form="conference", lang=lang)
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


@api.post("/room/{code}/close", response={200: OkView, **refusals(400, 401, 403, 404, 409, 413, 429)})
def close(request: HttpRequest, code: str, body: Credentials) -> OkView:
    """An admin closes an active room."""
    identity = _by_key(body) or _by_password(request, body)
    if not identity.is_admin:
        raise Forbidden("admin_required")
    by = f"user {identity.user_id}" if identity.user_id else "admin over HTTP"
    asr.rooms.ending.close_room(selectors.room_by_code(code).pk, by=by)
    return OkView()


def _vote(request: HttpRequest, code: str, *, wanted: bool) -> int:
    """These clients send no cookies, so nothing tells a browser's second vote: an address may vote so often."""
    throttle.count_vote(address_of(request))
    return services.cast_vote(code, vote=wanted)


def _by_key(body: CredentialsBody) -> Identity | None:
    """None: no key given. Raises Unauthenticated."""
    return None if body.key is None else access.identify_key(body.key)


def _by_password(request: HttpRequest, body: CredentialsBody) -> Identity:
    """Raises Unauthenticated, DomainError "too_many_attempts"."""
    if body.password is None:
        raise Unauthenticated("no_credentials")
    return access.identify_password(body.password, address=address_of(request))
