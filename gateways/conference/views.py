"""The conference wire over HTTP (docs/wires/conference.md): parse, call one service, encode."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

import asr.rooms.ending
import transcripts.selectors
from gateways.conference import encode
from gateways.conference.http import address_of, route
from gateways.conference.wire import CredentialsBody, LoginBody, VoteBody, read_body
from rooms import access, selectors, services
from rooms.access import Identity
from rooms.errors import DomainError, Forbidden, NotFound, Unauthenticated
from rooms.models import LANGUAGE_CODE, passes


@route("POST", statuses={401: 503, 403: 503})  # the page has its own words for 503, and shows others bare
def login(request: HttpRequest) -> HttpResponse:
    """Exchange a password for a key."""
    body = read_body(request, LoginBody)
    fresh = access.login(body.password, body.role, address_of(request))
    return JsonResponse(
        {
            "status": "ok",
            "key": fresh.key,
            "power": fresh.identity.power,
            "expire_hours": settings.ENV.key_lifetime_hours,
        }
    )


@route("POST")
def auth(request: HttpRequest) -> HttpResponse:
    """Whether a key or a password is still good. Clients throw their login away on any failure of this."""
    body = read_body(request, CredentialsBody)
    if body.key is not None:
        return JsonResponse({"status": "valid", "power": access.identify_key(body.key).power})
    _by_password(request, body)
    return JsonResponse({"status": "ok"})


@route("POST")
def validate(request: HttpRequest) -> HttpResponse:
    """Whether a key is still good."""
    access.identify_key(read_body(request, CredentialsBody).key or "")
    return JsonResponse({"status": "valid"})


@route("GET", "HEAD")
def room_list(request: HttpRequest) -> HttpResponse:
    """What can be watched or opened now."""
    return JsonResponse(encode.room_list())


@route("GET", "HEAD")
def votes(request: HttpRequest) -> HttpResponse:
    """Today's talks and how many wish captions for each."""
    return JsonResponse([encode.vote(room) for room in selectors.votable_rooms()], safe=False)


@route("POST")
def vote(request: HttpRequest, code: str) -> HttpResponse:
    """One wish more or fewer; the new count."""
    return JsonResponse(services.cast_vote(code, vote=read_body(request, VoteBody).vote), safe=False)


@route("GET")
def vote_by_get(request: HttpRequest, code: str, *, more: bool) -> HttpResponse:
    """The same by GET, as older clients do."""
    return JsonResponse(services.cast_vote(code, vote=more), safe=False)


@route("GET", "POST")
def transcript_list(request: HttpRequest) -> HttpResponse:
    """Rooms with a stored transcript that this caller may read; a worn-out key reads what everybody may."""
    try:
        identity = _by_key(read_body(request, CredentialsBody))
    except Unauthenticated:
        identity = None
    readable = transcripts.selectors.readable_rooms(identity)
    return JsonResponse([encode.transcript(entry) for entry in readable], safe=False)


@route("GET", "POST")
def transcript(request: HttpRequest, code: str, lang: str) -> HttpResponse:
    """A room's stored transcript as text; what everybody may read needs no key, worn out or not."""
    body = read_body(request, CredentialsBody)
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
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


@route("POST")
def close(request: HttpRequest, code: str) -> HttpResponse:
    """An admin closes an active room."""
    body = read_body(request, CredentialsBody)
    identity = _by_key(body) or _by_password(request, body)
    if not identity.is_admin:
        raise Forbidden("admin_required")
    asr.rooms.ending.close_room(selectors.room_by_code(code).pk, by="admin over HTTP")
    return JsonResponse({"status": "ok"})


def _by_key(body: CredentialsBody) -> Identity | None:
    """None: no key given. Raises Unauthenticated."""
    return None if body.key is None else access.identify_key(body.key)


def _by_password(request: HttpRequest, body: CredentialsBody) -> Identity:
    """Raises Unauthenticated, DomainError "too_many_attempts"."""
    if body.password is None:
        raise Unauthenticated("no_credentials")
    return access.identify_password(body.password, address=address_of(request))
