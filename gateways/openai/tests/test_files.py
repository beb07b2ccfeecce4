"""`POST /v1/audio/transcriptions` on a whole stack: through the vendor's client, and past it."""

from __future__ import annotations

import io
import json
import socket
import wave
from contextlib import ExitStack, contextmanager

import openai
import pytest
import requests
from openai import OpenAI
from websockets.sync.client import connect

from asr.tests.gateway import noise
from conftest import SLOTS
from gateways.openai.limits import FILE_BYTES, FORM_BYTES
from gateways.openai.tests.talker import WITHIN_S, folded, open_sessions, said, until

pytestmark = pytest.mark.stack
PATH = "/v1/audio/transcriptions"


@pytest.fixture
def client(stack, key):
    with OpenAI(api_key=key, base_url=f"{stack.url}/v1", max_retries=0, timeout=WITHIN_S) as found:
        yield found


def wav(seconds=3):
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes(noise(seconds))
    return file.getvalue()


def post(stack, key, *, data=None, files=None, path=PATH):
    fields = {"model": "whisper-1", "language": "en", **(data or {})}
    files = {"file": ("a.wav", wav(1))} if files is None else files
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    fields = {name: value for name, value in fields.items() if value is not None}
    return requests.post(stack.url + path, headers=headers, data=fields, files=files, timeout=WITHIN_S)


class TestVendorsClient:
    def test_file_is_text_in_every_format(self, client):
        def transcribed(**more):
            return client.audio.transcriptions.create(
                file=("talk.wav", wav()), model="whisper-1", language="en", **more
            )

        assert folded(transcribed().text) == said(3)
        assert folded(transcribed(response_format="text")) == said(3)
        assert transcribed(response_format="vtt").startswith("WEBVTT\n\n00:00:00.000 --> ")
        verbose = transcribed(response_format="verbose_json", timestamp_granularities=["word", "segment"])
        assert (verbose.language, verbose.duration) == ("english", 3.0)
        assert folded(" ".join(word.word for word in verbose.words)) == said(3)
        assert (verbose.words[1].start, verbose.words[1].end) == (0.5, 1.0)
        assert folded(" ".join(segment.text for segment in verbose.segments)) == said(3)

    def test_names_of_models_are_listed_and_asked_for(self, client):
        names = [model.id for model in client.models.list()]
        assert {"whisper-1", "gpt-4o-transcribe", "base"} & set(names) >= {"whisper-1", "gpt-4o-transcribe"}
        assert client.models.retrieve(names[-1]).id == names[-1]
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("gpt-9")

    @pytest.mark.parametrize(
        ("more", "expected", "code"),
        [
            ({"model": "gpt-9"}, openai.NotFoundError, "model_not_found"),
            ({"language": "xx"}, openai.BadRequestError, "invalid_value"),
            ({"file": ("a.wav", b"nothing")}, openai.BadRequestError, "invalid_value"),
            ({"timestamp_granularities": ["word"]}, openai.BadRequestError, "invalid_value"),
            ({"response_format": "diarized_json"}, openai.BadRequestError, "invalid_value"),
            ({"prompt": "x" * 3000}, openai.BadRequestError, "invalid_value"),
            ({"stream": True}, openai.BadRequestError, "invalid_value"),
        ],
    )
    def test_what_cannot_be_done_is_an_error_of_its_kind(self, client, more, expected, code):
        fields = {"file": ("a.wav", wav(1)), "model": "whisper-1", **more}
        with pytest.raises(expected) as refused:
            client.audio.transcriptions.create(**fields)
        assert refused.value.code == code

    def test_wrong_key_is_an_authentication_error(self, stack):
        with (
            OpenAI(api_key="0" * 32, base_url=f"{stack.url}/v1", max_retries=0) as stranger,
            pytest.raises(openai.AuthenticationError) as refused,
        ):
            stranger.models.list()
        assert refused.value.code == "invalid_api_key"


class TestWire:
    def test_refusals_have_the_vendor_s_shape(self, stack, key):
        answer = post(stack, key, data={"model": None})
        assert answer.status_code == 400
        assert answer.json() == {
            "error": {
                "type": "invalid_request_error",
                "code": "missing_required_parameter",
                "message": "Missing required parameter: 'model'.",
                "param": "model",
            }
        }
        assert post(stack, key, files={}).json()["error"]["param"] == "file"
        assert post(stack, "").status_code == 401
        garbage = requests.post(
            stack.url + PATH,
            b"half a form",
            headers={"Authorization": f"Bearer {key}", "Content-Type": "multipart/form-data; boundary=x"},
            timeout=WITHIN_S,
        )
        assert (garbage.status_code, garbage.json()["error"]["code"]) == (400, "missing_required_parameter")

    def test_file_beyond_the_limit_is_refused_whether_its_length_is_said_or_not(self, stack, key):
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "multipart/form-data; boundary=x"}
        piece = b"x" * (1 << 20)
        pieces = (FILE_BYTES + FORM_BYTES) // len(piece) + 1
        for body in (piece * pieces, iter([piece] * pieces)):
            answer = requests.post(stack.url + PATH, body, headers=headers, timeout=WITHIN_S)
            assert answer.status_code == 413

    def test_without_a_slot_it_is_429_and_when_to_come_back(self, idle_stack, key):
        with every_slot_taken(idle_stack, key):
            answer = post(idle_stack, key)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")
        assert answer.json()["error"]["code"] == "rate_limit_exceeded"

    def test_slot_is_free_when_who_waits_has_gone(self, idle_stack, key):
        waiting = uploading(idle_stack, key)
        until(lambda: open_sessions(idle_stack) == 1)
        waiting.close()
        until(lambda: open_sessions(idle_stack) == 0)
        answer = post(idle_stack, key)
        assert answer.status_code == 200, answer.text
        assert folded(answer.json()["text"]) == said(1)


class TestFaults:
    def test_killed_recogniser_loses_and_repeats_no_word(self, idle_stack, key):
        waiting = uploading(idle_stack, key, seconds=120)
        until(lambda: idle_stack.query("SELECT 1 FROM asr_session WHERE state = 'live' AND committed_ms > 0"))
        ((pid,),) = idle_stack.query("SELECT pid FROM asr_session WHERE state = 'live'")
        idle_stack.kill(pid)
        with waiting, waiting.makefile("rb") as answer:
            body = answer.read()
        assert folded(json.loads(body.partition(b"\r\n\r\n")[2])["text"]) == said(120)


@contextmanager
def every_slot_taken(stack, key):
    """By others who speak."""
    with ExitStack() as held:
        for _ in range(SLOTS):
            url = f"ws://127.0.0.1:{stack.port}/v1/realtime"
            headers = {"Authorization": f"Bearer {key}"}
            patient = {"ping_interval": None, "open_timeout": WITHIN_S}
            other = held.enter_context(connect(url, additional_headers=headers, **patient))
            other.send(json.dumps({"type": "input_audio_buffer.append", "audio": "AAAA"}))
        until(lambda: open_sessions(stack) == SLOTS)
        yield


def uploading(stack, key, seconds=240):
    """A connection on which a long file was sent and whose answer is still to come."""
    form = requests.Request(
        "POST",
        stack.url + PATH,
        headers={"Authorization": f"Bearer {key}", "Connection": "close"},
        data={"model": "whisper-1", "language": "en"},
        files={"file": ("a.wav", wav(seconds))},
    ).prepare()
    head = "".join(f"{name}: {value}\r\n" for name, value in form.headers.items())
    connection = socket.create_connection(("127.0.0.1", stack.port), WITHIN_S)
    connection.sendall(f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n".encode() + form.body)
    return connection
