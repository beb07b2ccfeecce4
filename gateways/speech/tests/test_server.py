"""The server in this process: what it refuses before any recogniser is asked, and what its health says."""

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.core.management import CommandError, call_command
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from asr.audio.recorder import NotAudioError
from asr.audio.tests.recordings import as_wav, tones
from asr.models import Session
from asr.stream_options import StreamOptions
from asr.tests.make import slots
from config.management.commands import speech_server
from gateways.common.tests.loops import run
from gateways.speech.consumer import TranscribeConsumer
from gateways.speech.messages import generation
from gateways.speech.ports import Port
from gateways.speech.server import PortTaken, ServerOptions, SpeechServer
from gateways.speech.servicer import Terms
from gateways.speech.tests.clients import WITHIN_S, audio, config, halves, start, stream
from gateways.speech.warm_up import warm_up

OLDER_CHUNK = generation("older").message("AudioChunk")(samples=[0.1] * 160).SerializeToString()
pytestmark = pytest.mark.django_db(transaction=True)


@asynccontextmanager
async def served(*, max_workers=9, model="", port=0):
    terms = Terms(max_workers, "en", StreamOptions())
    server = SpeechServer(ServerOptions("127.0.0.1", (Port(port, "current"),), terms, model))
    [bound] = await server.start()
    watching = asyncio.create_task(server.watch())
    try:
        yield bound
    finally:
        watching.cancel()
        await database_sync_to_async(Session.objects.update)(state="closed")  # nobody serves them
        await server.drain()


async def ended(port, *messages, **metadata):
    async with stream(port, **metadata) as call:
        await call.send(*messages)
        return await call.status()


async def health(port):
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        return (await stub.Check(health_pb2.HealthCheckRequest(), timeout=WITHIN_S)).status


async def until(holds):
    while not await database_sync_to_async(holds)():  # noqa: ASYNC110  (PostgreSQL tells nobody)
        await asyncio.sleep(0.05)


async def changed(port, before):
    while (now := await health(port)) == before:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    return now


def test_where_consent_is_required_nothing_is_opened_before_it_is_said(env):
    env(consent_required=True)
    words = "consent_required: nothing is processed before the client says that the speaker agreed"

    async def work():
        async with served() as port:
            return [
                await ended(port, config(), **said) for said in ({}, {"x_consent": "0"}, {"x_consent": "1"})
            ]

    refused = ("FAILED_PRECONDITION", words)
    assert run(work()) == [refused, refused, ("RESOURCE_EXHAUSTED", "No free slot: all 0 are taken")]


def test_twin_asks_for_consent_too(env):
    env(consent_required=True)

    async def work():
        found = []
        for path, message in (("", start()), ("?consent=1", start()), ("", start(consent=True))):
            client = WebsocketCommunicator(TranscribeConsumer.as_asgi(), f"/v1/transcribe{path}")
            await client.connect()
            await client.send_json_to(message)
            found.append((await client.receive_json_from(WITHIN_S))["code"])
            await client.disconnect()
        return found

    assert run(work()) == ["invalid_argument", "resource_exhausted", "resource_exhausted"]


def test_streams_at_once_are_bounded():
    slots(9)

    async def work():
        async with served(max_workers=1) as port, stream(port) as first:
            await first.send(config(), audio(halves(0.5)[0]))
            await until(Session.objects.exists)
            return await ended(port, config())

    assert run(work()) == ("RESOURCE_EXHAUSTED", "No free worker: all 1 are taken")


def test_workers_that_serve_another_model_are_named_and_health_says_so():
    slots(9)

    async def work():
        async with served(model="large-v3") as port:
            return await ended(port, config()), await health(port)

    words = "The workers serve base, not large-v3: set ASR_MODEL=large-v3 where they run"
    not_serving = health_pb2.HealthCheckResponse.NOT_SERVING
    assert run(work()) == (("FAILED_PRECONDITION", words), not_serving)


def test_health_is_served_once_a_worker_lives():
    async def work():
        async with served() as port:
            before = await health(port)
            await database_sync_to_async(slots)(9)
            return before, await changed(port, before)

    assert run(work()) == (
        health_pb2.HealthCheckResponse.NOT_SERVING,
        health_pb2.HealthCheckResponse.SERVING,
    )


def test_port_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        async def work():
            async with served(port=port):
                pass

        with pytest.raises(PortTaken, match=str(port)):
            run(work())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "set SPEECH_PORTS or --ports"),
        (["--ports", "x"], "x: not a port"),
        (["--ports", "50051", "--max-workers", "0"], "--max-workers must be at least 1"),
        (["--ports", "50051", "--qratio-threshold", "0"], "--qratio-threshold: out of bounds"),
        (["--ports", "50051", "--qratio-threshold", "101"], "--qratio-threshold: out of bounds"),
        (["--ports", "50051", "--fallback-threshold", "0"], "--fallback-threshold: out of bounds"),
        (["--ports", "50051", "--buffer-trimming-sec", "0"], "--buffer-trimming-sec: out of bounds"),
        (["--ports", "50051", "--model-dir", "/elsewhere"], "set ASR_MODEL_DIR where the workers run"),
        (
            ["--ports", "50051", "--model-cache-dir", "/elsewhere"],
            "the workers keep models in VAR_DIR/models",
        ),
        (["--ports", "50051", "--lang", "xx"], "--lang xx: may be auto"),
    ],
)
def test_options_that_cannot_be_followed_are_refused_in_words(options, words):
    with pytest.raises(CommandError, match=words):
        call_command("speech_server", *options)


def test_options_of_the_servers_before_us_go_with_every_stream():
    given = [
        "--ports",
        "0:older",
        "--no-fallback",
        "--qratio-threshold",
        "90",
        "--buffer-trimming-sec",
        "20",
        "--no-vad",
        "--lang",
        "de",
    ]
    parsed = speech_server.Command().create_parser("manage.py", "speech_server").parse_args(given)
    options = speech_server.server_options(vars(parsed))
    assert options.ports == (Port(0, "older"),)
    slots(9)

    async def work():
        server = SpeechServer(options)
        [port] = await server.start()
        async with stream(port) as call:
            await call.send(OLDER_CHUNK)
            await until(Session.objects.exists)
            session = await database_sync_to_async(Session.objects.get)()
            await database_sync_to_async(Session.objects.update)(state="closed")
        await server.drain()
        return session

    session = run(work())
    assert session.source_lang == "de"
    assert session.options == {
        "policy": "similarity", "qratio_threshold": 90.0, "fallback": False, "buffer_trimming_s": 20.0, "vad": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ([], {}),
        (["--no-vad"], {"vad": False}),
        (["--policy", "similarity"], {"policy": "similarity"}),
        (["--qratio-threshold", "95"], {"policy": "similarity"}),
        (["--fallback"], {"policy": "similarity"}),
        (["--fallback-threshold", "2"], {"policy": "similarity", "fallback_threshold": 2}),
        (["--buffer-trimming-sec", "15"], {"policy": "similarity", "buffer_trimming_s": 15.0}),
        (["--policy", "alignment", "--buffer-trimming-sec", "9"], {"policy": "alignment", "buffer_trimming_s": 9.0}),
    ],
)  # fmt: skip
def test_words_are_final_as_in_rooms_or_by_similarity_where_its_options_are_given(given, options):
    parser = speech_server.Command().create_parser("manage.py", "speech_server")
    parsed = parser.parse_args(["--ports", "0", *given])
    assert speech_server.server_options(vars(parsed)).terms.options.as_json() == options


def test_file_to_warm_up_with_must_be_audio(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("no sound")
    terms = Terms(1, "en", StreamOptions())
    for file in (path, tmp_path / "missing.wav"):
        with pytest.raises(NotAudioError):
            run(warm_up(str(file), terms))


@pytest.mark.parametrize("seconds", ["0", "1.5", "-1"])
def test_client_sends_chunks_that_the_server_takes(seconds):
    with pytest.raises(CommandError, match="--chunk-duration must be more than 0 and at most 1"):
        call_command("speech_client", "talk.wav", "--chunk-duration", seconds)


def test_client_names_what_it_cannot_read_or_reach(tmp_path):
    with pytest.raises(CommandError, match="cannot be read as audio"):
        call_command("speech_client", str(tmp_path / "missing.wav"), "--port", "1")
    talk = tmp_path / "talk.wav"
    talk.write_bytes(as_wav(tones(0.5)).getvalue())
    with pytest.raises(CommandError, match="UNAVAILABLE"):
        call_command("speech_client", str(talk), "--port", "1", "--speed", "0")
