"""Where consent is required, nothing is heard before a client has said so in the address."""

from __future__ import annotations

import json

import pytest
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client

from asr.models import Session
from gateways.openai.routing import websocket_urlpatterns
from rooms import access

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/v1/audio/transcriptions"


@pytest.fixture
def key(env):
    env(consent_required=True)
    return access.login("host-password", "host", "192.0.2.1").key


@pytest.mark.parametrize(("query", "code"), [("", "consent_required"), ("?consent=1", "invalid_value")])
def test_file_is_taken_apart_only_with_consent(key, settings, query, code):
    settings.SECURE_SSL_REDIRECT = False
    form = {"model": "whisper-1", "language": "xx", "file": SimpleUploadedFile("a.wav", b"nothing")}
    answer = Client().post(PATH + query, form, headers={"Authorization": f"Bearer {key}"})
    assert answer.json()["error"]["code"] == code
    assert answer.status_code == (403 if code == "consent_required" else 400)
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    ("query", "kind"), [("?consent=0", "error"), ("?intent=transcription&consent=1", "session.created")]
)
async def test_socket_is_closed_without_consent_and_says_why(key, query, kind):
    headers = [(b"authorization", f"Bearer {key}".encode())]
    socket = WebsocketCommunicator(URLRouter(websocket_urlpatterns), f"/v1/realtime{query}", headers)
    assert (await socket.connect())[0]
    event = json.loads(await socket.receive_from(timeout=60))
    assert event["type"] == kind
    if kind == "error":
        assert event["error"]["code"] == "consent_required"
        closed = await socket.receive_output(timeout=60)
        assert (closed["type"], closed["code"], closed["reason"]) == (
            "websocket.close",
            1008,
            "consent_required",
        )
    await socket.disconnect()
    await database_sync_to_async(connections.close_all)()
