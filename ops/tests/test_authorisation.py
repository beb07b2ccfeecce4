"""Who may do what: every route and action has a row, and each row is tried by every role."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.test import Client
from django.utils import timezone

from asr.rooms.models import HostMessage
from asr.tests.make import TERMS, join, served
from config import wires
from config.env import BASE_DIR
from ops import bounds
from ops.authorisation import (
    HTTP,
    ROLES,
    SOCKETS,
    admin_actions,
    document,
    http_actions,
    sockets_without_row,
    without_row,
)
from rooms.access import key_hash
from rooms.models import Event, Hall, Room, Vote
from rooms.people import OPERATORS
from rooms.tests.make import login_key, person, room
from transcripts.models import Part
from transcripts.services import NewSentence, add_sentences
from translation.models import Demand, EngineState, Job, PairState, PinnedLanguage, RoomTranslation

KEYS = {role: f"{number:032x}" for number, role in enumerate(ROLES)}
GROUPS = {"host": "hosts", "other host": "hosts", "operator": OPERATORS, "admin": "admins"}
BODIES = {
    "/vote/{code}": {"vote": True}, "/api/vote/{code}": {"wanted": True}, "/theme": {"theme": "dark"}, "/language": {"language": "de"},
    "/api/host/{code}/consent": {"keep_text": True, "public": True, "version": 1, "lang": "en"},
    "/api/host/{code}/seen": {"upto": 1}, "/api/live/{code}/message": {"text": "Louder, please."},
    "/api/host/{code}/sentence": {"part": 1, "index": 0, "version": 1, "text": "Mended."},
    "/api/transcripts/{code}/correct": {"part": 1, "index": 0, "version": 1, "text": "Mended."},
    "/api/transcripts/{code}/remove": {"part": 1, "index": 0, "version": 1},
    "/login": {"password": "host-password", "role": "host"},
}  # fmt: skip
FORMS = {"/login/form": {"password": "host-password"}}
QUERIES = {"/api/transcripts/{code}/sentence": {"part": 1, "index": 0}, "/captions/{code}/events": {"lang": "xx"}, "/captions/hall/{slug}/events": {"lang": "xx"}}  # fmt: skip


def test_every_route_and_every_socket_has_a_row():
    assert not without_row()
    assert not sockets_without_row()


def test_every_row_is_of_something_that_is_served():
    served_paths = {action.partition(" ")[2] or action for action in http_actions()}
    assert {row.action.partition(" ")[2] for row in HTTP} <= served_paths
    assert len({row.action for row in (*HTTP, *SOCKETS)}) == len(HTTP) + len(SOCKETS)


def test_the_page_is_the_one_that_the_code_makes():
    assert (BASE_DIR / "docs" / "authorisation.md").read_text() == document()


@pytest.fixture
def place(db):
    """A live room whose host has said something that is kept and not public."""
    hall = Hall.objects.create(event=room("OTHER").event, name="Saal 1", slug="saal-1")
    owner = person("a host")
    host_lease = join(
        room("ROOM", hall=hall),
        terms=replace(TERMS, public=False, owner_id=owner.pk),
        key=key_hash(KEYS["host"]),
    )
    served(host_lease)
    part = Part.objects.get()
    add_sentences(part=part, sentences=[NewSentence(0, 900, "Said.", key="1.1.0")])
    return {
        "code": "ROOM",
        "slug": "saal-1",
        "lang": "en",
        "kind": "asyncapi",
        "name": "captions",
        "form": "txt",
    }


def client_of(role):
    client = Client(headers={"Accept": "text/html"}, REMOTE_ADDR="127.0.0.1")
    if role in GROUPS:
        user = person(f"a {role}", group=GROUPS[role])
        login_key(user, hashed=key_hash(KEYS[role]), expires_at=timezone.now() + timedelta(hours=1))
        if role == "admin":
            user.is_staff = user.is_superuser = True
            user.save()
        client.force_login(user)
    return client


def ask(client, role, action, place):
    method, _, path = action.partition(" ")
    key = {"key": KEYS[role]} if role in GROUPS else {}
    if path in FORMS:
        return client.post(path, FORMS[path])
    body = {**BODIES.get(path, {}), **({} if path.startswith(("/api/", "/v1/")) else key)}
    bearer = {"Authorization": f"Bearer {KEYS[role]}"} if key and path.startswith("/v1/") else {}
    return client.generic(
        method,
        path.format(**place),
        data=json.dumps(body) if method == "POST" or body else b"",
        content_type="application/json",
        query_params=QUERIES.get(path),
        headers=bearer,
    )


def is_refused(answer):
    asks = answer.status_code == 302 and "/login" in answer.headers["Location"]
    return answer.status_code in (401, 403) or asks


# These ask in threads: tried in test_authorised_sockets.py, by a process of its own.
ELSEWHERE = ("GET /health", "GET /ready")
ASYNC = [
    row for row in HTTP if " /v1/" in row.action
]  # these ask in other threads, which see what is committed
TRIED = [row for row in HTTP if row.action not in ELSEWHERE and row not in ASYNC]


@pytest.mark.parametrize("row", TRIED, ids=[row.action for row in TRIED])
def test_a_route_lets_in_whom_its_row_names_and_nobody_else(row, place, settings):
    try_row(row, place, settings)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("row", ASYNC, ids=[row.action for row in ASYNC])
def test_a_wire_s_route_lets_in_whom_its_row_names_and_nobody_else(row, place, settings):
    try_row(row, place, settings)


def try_row(row, place, settings):
    settings.SECURE_SSL_REDIRECT = False
    let_in = set()
    for role in sorted(
        ROLES, key=lambda role: role in row.allowed
    ):  # whoever may may also end it for the others
        answer = ask(client_of(role), role, row.action, place)
        assert answer.status_code < 500, (role, answer.content)
        if not is_refused(answer):
            let_in.add(role)
    assert let_in == row.allowed


@pytest.fixture
def a_row_of_each(place):
    """What the admin shows, beside a live room."""
    of_room = {"room": Room.objects.get(code="ROOM")}
    login_key(person("a host"), hashed="0" * 64)
    HostMessage.objects.create(text="Louder, please.", **of_room)
    Vote.objects.create(**of_room)
    Demand.objects.create(lang="de", holder="web", expires_at=timezone.now(), **of_room)
    PinnedLanguage.objects.create(lang="de", **of_room)
    RoomTranslation.objects.create(**of_room)
    Job.objects.get_or_create(lang="de", **of_room)
    Event.objects.create(title="Another", slug="another", time_zone="UTC")
    EngineState.objects.create(name="engine")
    PairState.objects.create(engine="engine", source="en", target="de")


@pytest.mark.usefixtures("a_row_of_each")
@pytest.mark.parametrize("role", ROLES)
def test_the_admin_is_for_its_staff(role, settings):
    settings.SECURE_SSL_REDIRECT = False
    client = client_of(role)
    allowed = {row.action for row in admin_actions() if role in row.allowed}
    done = {"POST /admin/login/"}
    for model, page in admin.site._registry.items():
        done |= {f"{model._meta.label}: {action}" for action in done_in_the_admin(client, model, page)}
    done |= {"GET /admin/"} if client.get("/admin/").status_code == 200 else set()
    if client.get("/admin/password_change/").status_code == 200:
        done.add("POST /admin/password_change/")
    assert done == allowed
    assert Room.objects.filter(published=True).exists()


def done_in_the_admin(client, model, page):
    """What this client may do with a model's rows."""
    address = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    if client.get(address).status_code == 200:
        yield "look"
    for name in page.actions or ():
        named = name if isinstance(name, str) else name.__name__
        if not is_refused(client.post(address, {"action": named, "_selected_action": ["0"]})):
            yield named
    row = model._base_manager.order_by("pk").last()  # the first event is the settings' own, which stays
    assert row is not None, model
    if not is_refused(client.post(f"{address}add/", {"left": "out"})):
        yield "add"
    if not is_refused(client.post(f"{address}{quote(row.pk)}/change/", {"left": "out"})):
        yield "change"
    if not is_refused(client.get(f"{address}{quote(row.pk)}/delete/")):
        yield "delete"


def test_the_page_of_bounds_is_the_one_that_the_code_makes():
    assert (BASE_DIR / "docs" / "bounds.md").read_text() == bounds.document()


def test_every_wire_has_its_bounds():
    named = " ".join(each.wire for each in bounds.bounds()).lower()
    for name in ("captions", "conference", "deepgram", "echo", "interpreter", "meetings", "openai", "speech"):
        assert name in named, name
    assert {*wires.ALWAYS, *wires.OPTIONAL} == {"captions", "conference", "deepgram", "echo", "interpreter", "meetings", "openai", "speech"}  # fmt: skip
