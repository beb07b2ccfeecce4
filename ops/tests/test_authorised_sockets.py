"""Each socket, tried by each role against one web process: whom docs/authorisation.md names gets in, the others read why not.

Nobody recognises anything here: rooms are rows, and a slot is a row.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from asr.models import Session, Worker
from asr.rooms.models import RoomSession
from asr.rooms.presence import leave_as_host
from asr.tests.make import TERMS, aged, join, served, slots
from config import wires
from gateways.meetings.tests.signed import AUDIENCE, publish, token
from ops.authorisation import HTTP, ROLES, SOCKETS
from ops.faults.stack import free_port
from ops.tests.test_authorisation import GROUPS, KEYS, client_of
from pages.tests.conftest import web_process
from rooms import access
from rooms.consent import Answers, record_consent
from rooms.models import AccessKey, Hall, Room
from rooms.tests.make import login_key, person
from rooms.tests.make import room as make_room
from rooms.wordings import HOST, newest_wording

pytestmark = pytest.mark.django_db(transaction=True)
WITHIN_S = 60.0  # nothing is timed here: a busy machine may take its time
REVOKED = "revoked"  # a key that was good, and a page's session that was: as much as none
WHY = {  # what is said to who may not, as the wires' clients know it
    "Authentification failed: no valid password in session cookie", "Multiple hosts not allowed", "not_signed_in",
    "401", "invalid_api_key", "missing_api_key", "nothing was restarted",
}  # fmt: skip
RESERVED = "may come back: try again in"


class RefusedError(Exception):
    """The wire said no, in these words."""


@dataclass(frozen=True)
class Caller:
    """What somebody of a role can show. `connection_id`: the live host's, which the room list tells everybody."""

    role: str
    url: str
    key: str
    session: str

    @contextmanager
    def socket(self, path: str, *, bearer: bool = True, **cookies: str) -> Iterator[ClientConnection]:
        """With all that this role has: whatever a wire asks for, it is there."""
        shown = {"sessionid": self.session, "authenticated": self.key, **cookies}
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in shown.items() if value)}
        if self.key and bearer:
            headers["Authorization"] = f"Bearer {self.key}"
        address = self.url.replace("http", "ws", 1) + path
        try:
            with connect(
                address,
                additional_headers=headers,
                origin=self.url,
                open_timeout=WITHIN_S,
                ping_interval=None,
            ) as socket:
                yield socket
        except InvalidStatus as error:
            raise RefusedError(str(error.response.status_code)) from None

    def host(self, room: str, connection_id: str = "") -> Any:
        """A host's socket of a room, as the conference's page opens it."""
        terms = {f"{room}-allow_store": "true", f"{room}-allow_client_download": "true"}
        return self.socket(f"/room/{room}/host/en/en", connection_id=connection_id, **terms)


def heard(socket: ClientConnection) -> dict[str, Any]:
    try:
        message: dict[str, Any] = json.loads(socket.recv(WITHIN_S))
    except ConnectionClosed:
        raise RefusedError(socket.close_reason or "") from None
    return message


def until(socket: ClientConnection, **fields: Any) -> dict[str, Any]:
    while not fields.items() <= (message := heard(socket)).items():
        pass
    return message


def say(socket: ClientConnection, **message: Any) -> None:
    socket.send(json.dumps(message))


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def url(django_db_setup, tmp_path_factory) -> Iterator[str]:
    """A web process that serves every wire; who has gone may come back for as long as a test takes."""
    keys = publish(tmp_path_factory.mktemp("keys"))
    log = tmp_path_factory.mktemp("server") / "web.log"
    environment = {
        "GRACE_S": "900", "HOST_RETURN_S": "600", "WIRES": " ".join(wires.OPTIONAL),
        "ASAP_PUB_KEYS_REPO_URL": str(keys), "ASAP_PUB_KEYS_AUDS": AUDIENCE,
    }  # fmt: skip
    with web_process(log, free_port(), **environment) as (url, _):
        yield url


@pytest.fixture
def callers(transactional_db, url, env) -> list[Caller]:
    """Somebody of each role; who may not comes first, who may would end it for the others."""
    env(grace_s=900, host_return_s=600)
    with connection.cursor() as cursor:  # what the server still writes behind a test gives way
        cursor.execute("SET deadlock_timeout = '60s'")
    slots(1000)
    Worker.objects.update(beat_at=timezone.now() + timedelta(hours=1))
    found = []
    for role in ROLES:
        session = client_of(role).cookies.get(settings.SESSION_COOKIE_NAME)
        found.append(
            Caller(role, url, KEYS[role] if role in GROUPS else "", session.value if session else "")
        )
    gone, user = Client(), person("a host of yesterday")
    gone.force_login(user)
    login_key(user, hashed=access.key_hash("f" * 32), expires_at=timezone.now() + timedelta(hours=1))
    access.revoke(list(AccessKey.objects.filter(user=user)))
    value = gone.cookies[settings.SESSION_COOKIE_NAME].value
    gone.logout()
    return [*found, Caller(REVOKED, url, "f" * 32, value)]


class Rooms:
    """Rooms in the states that the rows speak of; a new one for each question."""

    def __init__(self) -> None:
        self._number = 0
        self._hall = Hall.objects.create(event=make_room("OTHER").event, name="Saal 1", slug="saal-1")

    def closed(self) -> str:
        self._number += 1
        return str(make_room(f"R{self._number}", hall=self._hall).code)

    def live(self) -> tuple[str, str]:
        """A room whose host is there, and their connection's id."""
        room = Room.objects.get(code=self.closed())
        terms = replace(TERMS, owner_id=person("a host").pk)
        lease = join(room, terms=terms, key=access.key_hash(KEYS["host"]))
        served(lease)
        aged(lease, host_seen_at=-3600)
        return room.code, lease.connection_id

    def left(self) -> str:
        """The same, whose host has just gone."""
        code, connection_id = self.live()
        leave_as_host(room_id=Room.objects.get(code=code).pk, connection_id=connection_id)
        return code


def read_in_a_room(caller, rooms):
    with caller.socket(f"/room/{rooms.live()[0]}/client/undefined/en") as socket:
        assert "last_n_sents" in heard(socket)


def open_a_room(caller, rooms):
    with caller.host(code := rooms.closed()) as socket:
        assert "connection_id" in heard(socket)["info"]
    assert RoomSession.objects.filter(room__code=code).exists()


def speak_in_a_live_room(caller, rooms):
    with caller.host(*rooms.live()) as socket:
        assert "connection_id" in heard(socket)["info"]


def come_back(caller, rooms):
    with caller.host(code := rooms.left()) as socket:
        assert "connection_id" in heard(socket)["info"]
    assert RoomSession.objects.filter(room__code=code).count() == 1


def restart(caller, rooms):
    """By the socket that this role gets: a host's, or else a reader's."""
    room, connection_id = rooms.live()
    sessions = RoomSession.objects.filter(room__code=room)
    try:
        with caller.host(room, connection_id) as socket:
            until(socket, info={"ready_to_recieve_audio": True})
            say(socket, signal="restart_backend_engine")
            eventually(lambda: sessions.count() == 2)
    except RefusedError:
        with caller.socket(f"/room/{room}/client/undefined/en") as socket:
            heard(socket)
            say(socket, signal="restart_backend_engine")
        assert sessions.count() == 1
        raise RefusedError("nothing was restarted") from None


def read_captions(caller, rooms):
    with caller.socket(f"/captions/{rooms.live()[0]}?lang=en") as socket:
        until(socket, type="hello", lang="en")
        say(socket, type="resume", after={"en": 0})
        until(socket, type="versions")
        say(socket, type="lang", lang="de")
        until(socket, type="hello", lang="de")


def read_a_hall(caller, rooms):
    with caller.socket("/captions/hall/saal-1?lang=en") as socket:
        until(socket, type="hello")


def type_in_a_room(caller, rooms):
    room = rooms.closed()
    with caller.socket(f"/captions/{room}/type") as socket:
        until(socket, type="pen")
        say(socket, type="open", lang="en", store=True, public=False)
        until(socket, type="pen", alone=True)
        say(socket, type="write", id="sentence-1", text="Good morning.")
        stored = until(socket, type="stored")
        say(
            socket,
            type="correct",
            part=stored["part"],
            index=stored["index"],
            version=1,
            text="Good evening.",
        )
        until(socket, type="corrected")
        say(socket, type="undo", id="sentence-1")
        until(socket, type="undone")
        say(socket, type="close")
        open_rows = RoomSession.objects.filter(room__code=room, session__state__in=Session.OPEN)
        eventually(lambda: not open_rows.exists())


def speak_deepgram(caller, rooms):
    with caller.socket("/v1/listen?encoding=linear16&sample_rate=16000&consent=1"):
        pass


def speak_realtime(caller, rooms):
    with caller.socket("/v1/realtime?consent=1") as socket:
        message = heard(socket)
        if message["type"] == "error":
            raise RefusedError(message["error"]["code"])
        assert message["type"] == "session.created"


def speak_in_a_meeting(caller, rooms):
    with caller.socket("/streaming-whisper/ws/standup?consent=1", bearer=False):  # that would be a token
        pass


def speak_to_the_twin(caller, rooms):
    before = Session.objects.filter(kind=Session.Kind.STREAM).count()
    audio = {"encoding": "pcm_s16le", "sample_rate_hz": 16000, "channels": 1}
    with caller.socket("/v1/transcribe?consent=1") as socket:
        say(socket, type="start", chunk_duration_millis=500, audio_format=audio)
        eventually(lambda: Session.objects.filter(kind=Session.Kind.STREAM).count() > before)


def speak_to_the_interpreter(caller, rooms):
    with caller.socket("/ws/audio") as socket:
        say(socket, type="config", sampleRate=16000, frameSize=320, targetLang="en", consent=True)
        until(socket, type="ack")


def hear_oneself(caller, rooms):
    with caller.socket("/ws-audio") as socket:
        say(socket, type="config", sampleRate=16000, channelCount=1, frameSize=160, format="s16le")
        until(socket, type="ack")


TRIES: dict[str, Callable[[Caller, Rooms], None]] = {
    "/room/{room}/client/…: read": read_in_a_room,
    "/room/{room}/host/…: open a room": open_a_room,
    "/room/{room}/host/…: speak in a live room": speak_in_a_live_room,
    "/room/{room}/host/…: come back in the grace period": come_back,
    "/room/{room}/host/…: restart the engine": restart,
    "/captions/{room}: read, resume, change the language": read_captions,
    "/captions/hall/{hall}: read": read_a_hall,
    "/captions/{room}/type: take the pen, type, undo, correct, open, close": type_in_a_room,
    "/v1/listen: speak": speak_deepgram,
    "/v1/realtime: speak": speak_realtime,
    "/streaming-whisper/ws/{meeting}: speak": speak_in_a_meeting,
    "/v1/transcribe: speak": speak_to_the_twin,
    "/ws/audio: speak": speak_to_the_interpreter,
    "/ws-audio: hear oneself": hear_oneself,
}


def refusal(attempt, caller, rooms) -> str:
    """Why not; "": they were let in, and it was done."""
    try:
        attempt(caller, rooms)
    except RefusedError as error:
        return str(error) or "without a word"
    return ""


def test_each_socket_lets_in_whom_its_row_names_and_tells_the_others_why(callers):
    assert TRIES.keys() == {row.action for row in SOCKETS}
    rooms, let_in = Rooms(), {}
    for action, attempt in TRIES.items():
        let_in[action] = set()
        for caller in callers:
            why = refusal(attempt, caller, rooms)
            assert why in ("", *WHY) or RESERVED in why, (action, caller.role, why)
            if not why:
                let_in[action].add(caller.role)
    strangers = {row.action for row in SOCKETS if "anonymous" in row.allowed}
    assert let_in == {
        row.action: {*row.allowed, *([REVOKED] if row.action in strangers else [])} for row in SOCKETS
    }


@pytest.fixture(scope="module")
def cautious_url(django_db_setup, tmp_path_factory) -> Iterator[str]:
    """The same where consent is required."""
    log, keys = tmp_path_factory.mktemp("server") / "web.log", publish(tmp_path_factory.mktemp("keys"))
    environment = {
        "CONSENT_REQUIRED": "1", "WIRES": " ".join(wires.OPTIONAL),
        "ASAP_PUB_KEYS_REPO_URL": str(keys), "ASAP_PUB_KEYS_AUDS": AUDIENCE,
    }  # fmt: skip
    with web_process(log, free_port(), **environment) as (url, _):
        yield url


def by_cookies(caller, said):
    """What the conference's clients send is no recorded consent, whatever they say."""
    with caller.host(caller.room) as socket:
        heard(socket)


def by_our_page(caller, said):
    with caller.socket(f"/room/{caller.room}/host/en/en?consent={caller.consent if said else 0}") as socket:
        assert "connection_id" in heard(socket)["info"]


def by_deepgram(caller, said):
    with caller.socket(f"/v1/listen?encoding=linear16&sample_rate=16000{'&consent=1' * said}"):
        pass


def by_realtime(caller, said):
    with caller.socket(f"/v1/realtime{'?consent=1' * said}") as socket:
        message = heard(socket)
        if message["type"] == "error":
            raise RefusedError(message["error"]["code"])


def by_file(caller, said):
    answer = requests.post(
        f"{caller.url}/v1/audio/transcriptions{'?consent=1' * said}", timeout=WITHIN_S,
        headers={"Authorization": f"Bearer {caller.key}"}, files={"file": b""}, data={"model": "whisper-1"},
    )  # fmt: skip
    if answer.status_code == 403:
        raise RefusedError(answer.json()["error"]["code"])
    assert answer.status_code == 400  # there is no sound in it


def by_page_of_meetings(caller, said):
    with caller.socket(f"/streaming-whisper/ws/standup{'?consent=1' * said}", bearer=False):
        pass


def by_token_of_meetings(caller, said):
    shown = token(consent=True) if said else token()
    with caller.socket(f"/streaming-whisper/ws/standup?auth_token={shown}", bearer=False):
        pass


def by_the_twin(caller, said):
    audio = {"encoding": "pcm_s16le", "sample_rate_hz": 16000, "channels": 1}
    with caller.socket(f"/v1/transcribe{'?consent=1' * said}") as socket:
        say(socket, type="start", chunk_duration_millis=500, audio_format=audio)
        if said:
            eventually(lambda: Session.objects.filter(kind=Session.Kind.STREAM).count() > caller.streams)
        else:
            raise RefusedError(heard(socket)["message"])


def by_the_interpreter(caller, said):
    with caller.socket("/ws/audio") as socket:
        say(socket, type="config", sampleRate=16000, frameSize=320, targetLang="en", consent=said)
        message = heard(socket)
        if message["type"] == "error":
            raise RefusedError(message["message"])


SPOKEN = (
    by_cookies,
    by_our_page,
    by_deepgram,
    by_realtime,
    by_file,
    by_page_of_meetings,
    by_token_of_meetings,
    by_the_twin,
    by_the_interpreter,
)  # fmt: skip  (over gRPC: gateways/speech/tests/test_server.py; the echo gives back what it hears, and knows no words)
NO_CONSENT = ("onsent", "403", "Required room config cookies not found", "401")


@dataclass(frozen=True)
class Speaker(Caller):
    """A host with a room of their own, and what they agreed to there."""

    room: str = ""
    consent: int = 0
    streams: int = 0


def test_where_consent_is_required_no_wire_hears_a_word_before_it_was_said(callers, cautious_url):
    host = next(caller for caller in callers if caller.role == "host")
    for speak in SPOKEN:
        for said in (False, True):
            before = Session.objects.count()
            room = make_room(f"C{SPOKEN.index(speak)}{said}")
            answers, asked = Answers(keep_text=True, public=False), newest_wording(HOST, "en")
            agreed = record_consent(room=room, user_id=person("a host").pk, answers=answers, wording=asked)
            speaker = Speaker(
                "host", cautious_url, host.key, host.session, room=room.code, consent=agreed.pk,
                streams=Session.objects.filter(kind=Session.Kind.STREAM).count(),
            )  # fmt: skip
            why = refusal(speak, speaker, said)
            if said and speak is not by_cookies:
                assert not why, (speak.__name__, why)
            else:
                assert any(words in why for words in NO_CONSENT), (speak.__name__, why)
                assert Session.objects.count() == before, speak.__name__


@pytest.mark.parametrize("path", ["health", "ready"])
def test_whoever_asks_is_told_how_the_server_stands(callers, url, path):
    (row,) = (row for row in HTTP if row.action == f"GET /{path}")
    answers = [
        requests.get(f"{url}/{path}", cookies={"sessionid": caller.session}, timeout=WITHIN_S)
        for caller in callers
    ]
    assert row.allowed == frozenset(ROLES)
    assert {answer.status_code for answer in answers} <= {200, 503}  # 503: not ready yet, for anybody
    assert all("status" in answer.json() for answer in answers)
