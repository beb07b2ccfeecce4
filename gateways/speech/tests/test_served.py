"""Speech over gRPC and its twin, from a whole stack with the scripted recogniser."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import time

import grpc
import pytest
from django.core.management import CommandError, call_command
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from asr.audio.tests.recordings import as_wav, tones
from gateways.speech.messages import generation
from gateways.speech.tests.clients import (
    F32,
    WITHIN_S,
    audio,
    config,
    halves,
    start,
    stream,
    told,
    twin,
)  # fmt: skip
from ops.faults.stack import BASE_DIR, free_port, running_stack

pytestmark = pytest.mark.stack
SLOTS = 3
GONE_WITHIN_S = 60  # promised: 5, on a machine that is not busy
CLIENT = """
import asyncio, sys, django
django.setup()
from gateways.speech.tests.clients import audio, config, halves, stream
async def speak():
    async with stream(int(sys.argv[1])) as call:
        await call.send(config(), *map(audio, halves(1)))
        print("speaks", flush=True)
        while True:
            await call.send(audio(halves(0.5)[0]))
            await asyncio.sleep(0.5)
asyncio.run(speak())
"""


@pytest.fixture(scope="module")
def stack():
    ports = [free_port(), free_port()]
    speech_ports = f"{ports[0]} {ports[1]}:older"
    with running_stack(
        rooms=["R1"], ASR_SLOTS=str(SLOTS), SPEECH_PORTS=speech_ports, SOURCE_LANGS="en,de"
    ) as running:
        running.current, running.older = ports
        yield running


def open_sessions(stack):
    return stack.query("SELECT count(*) FROM asr_session WHERE state IN ('starting', 'live')")[0][0]


async def slots_taken(stack, count):
    """Until so many are."""
    deadline = time.monotonic() + GONE_WITHIN_S
    while open_sessions(stack) != count:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


@pytest.fixture(autouse=True)
async def slots_are_free(stack):
    await slots_taken(stack, 0)


class TestTalks:
    async def test_talk_is_said_once_in_pieces_that_are_joined(self, stack):
        async with stream(stack.current) as call:
            await call.send(config(), *map(audio, halves(6.5)))
            await call.finish()
            assert await call.status() == ("OK", "")
        assert call.text == told(6.5)
        times = [ms for piece in call.confirmed for ms in (piece.start_time_millis, piece.end_time_millis)]
        assert times == sorted(times)
        assert times[-1] == 6500

    async def test_what_is_heard_beyond_comes_beside_and_silence_is_no_text(self, stack):
        async with stream(stack.current, x_language="de") as call, twin(stack.url, "?language=de") as socket:
            await call.send(config(1000, 0), *map(audio, halves(1, F32)))
            await socket.send(start(encoding="pcm_f32le"), *halves(1, F32))
            call.stay()
            socket.stay()
            await call.until(lambda: any(answer.interim.text for answer in call.answers))
            while not any("interim" in message for message in socket.messages):
                assert await socket.read()
            assert not call.text + socket.text
            silence = bytes(F32.second_bytes // 2)
            await call.send(*map(audio, [silence, silence, *halves(1, F32), *[silence] * 120]))
            await socket.send(*halves(3, F32))
            await socket.finish()
            await call.finish()
            assert await call.status() == ("OK", "")
            assert await socket.end() == ({"type": "completed"}, 1000, "completed")
        assert call.text == " S0001w1 s0001w2. S0002w1 s0002w2."
        assert socket.text == told(4)
        langs = stack.query("SELECT source_lang FROM asr_session ORDER BY id DESC LIMIT 2")
        assert langs == [("de",), ("de",)]

    async def test_older_generation_is_told_the_same_by_each_of_its_methods(self, stack):
        messages = generation("older")
        chunk = messages.message("AudioChunk")
        sent = [
            chunk(samples=memoryview(data).cast("f").tolist()).SerializeToString() for data in halves(3, F32)
        ]

        async def talk(method, answer):
            async with stream(stack.older, method, messages.message(answer)) as call:
                await call.send(*sent)
                await call.finish()
                assert await call.status() == ("OK", "")
            pieces = call.answers if answer == "Transcript" else call.confirmed
            return "".join(piece.text for piece in pieces)

        both = "TranscriptWithHypothesis"
        texts = await asyncio.gather(
            talk("SpeechToText/StreamingRecognize", "Transcript"),
            talk("SpeechToTextWithHypothesis/StreamingRecognizeWithHypothesis", both),
            talk("SpeechToTextWithHypothesis/StreamingRecognize", both),
        )
        assert texts == [told(3)] * 3

    async def test_who_says_nothing_is_told_so_behind_everything_that_was_heard(self, stack):
        async def grpc_ends(*messages):
            async with stream(stack.current) as call:
                await call.send(*messages)
                return *await call.status(), call.text

        async def twin_ends(*messages):
            async with twin(stack.url) as socket:
                await socket.send(*messages)
                last, code, _ = await socket.end()
                return last["code"], last["message"], code, socket.text

        late, paused = (
            "Client did not send the first audio chunk within 1.000s",
            "No audio came within 4.000s",
        )
        no_start = "Client did not send the initial start event within 2.000s"
        deadline = "deadline_exceeded"
        assert await asyncio.gather(grpc_ends(config(1)), twin_ends(start())) == [
            ("DEADLINE_EXCEEDED", late, ""),
            (deadline, late, 1008, ""),
        ]
        ends = (grpc_ends(config(), *map(audio, halves(2.5))), twin_ends(start(), *halves(2.5)), twin_ends())
        assert await asyncio.gather(*ends) == [
            ("DEADLINE_EXCEEDED", paused, told(2.5)),
            (deadline, paused, 1008, told(2.5)),
            (deadline, no_start, 1008, ""),
        ]

    async def test_twin_s_client_that_sends_thousands_of_tiny_pieces_is_slowed_and_heard(self, stack):
        sound = b"".join(halves(2))
        async with twin(stack.url) as socket:
            await socket.send(start(), *(sound[at : at + 12] for at in range(0, len(sound), 12)))
            await socket.finish()
            assert await socket.end() == ({"type": "completed"}, 1000, "completed")
        assert socket.text == told(2)

    async def test_who_says_nothing_but_goodbye_is_let_go(self, stack):
        async with stream(stack.current) as call:
            await call.finish()
            assert await call.status() == ("OK", "")
        async with stream(stack.current) as call, twin(stack.url) as socket:
            await call.send(config())
            await call.finish()
            await socket.send(start(), {"type": "finish"})
            assert await call.status() == ("OK", "")
            assert await socket.end() == ({"type": "completed"}, 1000, "completed")


class TestBadInput:
    """Every other wrong message is in test_dialogs.py and test_twin_messages.py."""

    @pytest.mark.parametrize(
        ("messages", "words"),
        [
            ([audio(b"")], "The first streaming message must be a config"),
            ([b"\xff"], "The message cannot be parsed"),
            ([config(0)], "chunk_duration_millis must be > 0 and <= 1000"),
            ([config(encoding=7)], "encoding must be one of: AUDIO_ENCODING_PCM_F32LE, AUDIO_ENCODING_PCM_S16LE"),
            ([config(), *map(audio, halves(1)), config()], "Only audio_chunk messages are allowed after the initial config"),
        ],
    )  # fmt: skip
    async def test_grpc_client_is_told_what_is_wrong(self, stack, messages, words):
        async with stream(stack.current) as call:
            await call.send(*messages)
            assert await call.status() == ("INVALID_ARGUMENT", words)

    @pytest.mark.parametrize(
        ("messages", "words"),
        [
            ([b"\0\0"], "The first websocket message must be a JSON start event"),
            (["{"], "Text frames must contain valid JSON messages"),
            ([{"type": "finish"}], "The first websocket message must be a start event"),
            ([start(), halves(0.5)[0], "]"], "Text frames must contain valid JSON messages"),
            ([start(language="xx")], "The language is not one that is recognised here"),
        ],
    )
    async def test_twin_s_client_is_told_what_is_wrong(self, stack, messages, words):
        async with twin(stack.url) as socket:
            await socket.send(*messages)
            last, code, reason = await socket.end()
        assert last == {"type": "error", "code": "invalid_argument", "message": words}
        assert (code, reason) == (1008, words)

    async def test_language_is_one_that_is_recognised(self, stack):
        async with stream(stack.current, x_language="xx") as call:
            await call.send(config())
            words = "The language is not one that is recognised here"
            assert await call.status() == ("INVALID_ARGUMENT", words)

    async def test_message_of_megabytes_is_refused(self, stack):
        async with stream(stack.current) as call, twin(stack.url) as socket:
            await call.send(config(), audio(bytes(5 << 20)))
            await socket.send(start(), bytes(5 << 20))
            assert (await call.status())[0] == "RESOURCE_EXHAUSTED"
            _, code, _ = await socket.end()
        assert code == 1009

    async def test_half_a_message_of_the_older_generation_is_refused(self, stack):
        async with stream(stack.older) as call:
            await call.send(b"\n\x03abc")
            assert await call.status() == ("INVALID_ARGUMENT", "The message cannot be parsed")


class TestServer:
    @pytest.mark.parametrize("name", ["current", "older"])
    def test_reflection_says_the_port_s_own_generation(self, stack, name):
        with grpc.insecure_channel(f"127.0.0.1:{getattr(stack, name)}") as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            assert set(generation(name).services) <= set(database.get_services())
            service = DescriptorPool(database).FindServiceByName("speech.SpeechToText")
            asked = service.methods_by_name["StreamingRecognize"].input_type.name
        assert asked == {"current": "StreamingRecognizeRequest", "older": "AudioChunk"}[name]

    @pytest.mark.parametrize("service", ["", "speech.SpeechToText"])
    def test_health_is_served(self, stack, service):
        with grpc.insecure_channel(f"127.0.0.1:{stack.current}") as channel:
            request = health_pb2.HealthCheckRequest(service=service)
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=WITHIN_S)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING

    async def test_one_stream_more_than_slots_is_refused_and_a_client_that_cancels_gives_its_slot_back(
        self, stack
    ):
        async with stream(stack.current) as one, stream(stack.current) as two, stream(stack.current) as three:
            for call in (one, two, three):
                await call.send(config(), *map(audio, halves(1)))
                call.stay()
            for call in (one, two, three):
                await call.until(lambda call=call: call.answers)
            async with stream(stack.current) as more, twin(stack.url) as socket:
                await more.send(config())
                code, words = await more.status()
                await socket.send(start())
                last, close, _ = await socket.end()
            assert (code, words) == ("RESOURCE_EXHAUSTED", f"No free slot: all {SLOTS} are taken")
            assert (last["code"], last["message"], close) == ("resource_exhausted", words, 1013)
            for call in (one, two):
                await call.finish()
                assert await call.status() == ("OK", "")
                assert call.text == told(1)
            three.cancel()
            await slots_taken(stack, 0)

    async def test_client_that_does_not_read_costs_nobody_else_anything(self, stack):
        async with stream(stack.current) as stalled, stream(stack.current) as other:
            await stalled.send(config(1000), *map(audio, halves(60)))
            stalled.stay()
            await other.send(config(), *map(audio, halves(4)))
            await other.finish()
            assert await other.status() == ("OK", "")
            assert other.text == told(4)
            await stalled.finish()
            assert await stalled.status() == ("OK", "")
        assert stalled.text == told(60)

    async def test_clients_that_vanish_without_a_word_give_their_slots_back(self, stack):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CLIENT, str(stack.current), cwd=BASE_DIR, stdout=subprocess.PIPE,
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings", "DEBUG": "1"},
        )  # fmt: skip
        try:
            async with twin(stack.url) as socket:
                await socket.send(start(), *halves(1))
                socket.stay()
                assert await process.stdout.readline() == b"speaks\n"
                await slots_taken(stack, 2)
                process.send_signal(signal.SIGSTOP)  # as a machine whose network is gone
                socket.socket.transport.abort()
                await slots_taken(stack, 0)
        finally:
            process.kill()
            await process.wait()

    def test_model_that_the_workers_do_not_serve_is_refused(self, stack):
        command = [sys.executable, "manage.py", "speech_server", "--ports", "0", "--model", "large-v3"]
        refused = subprocess.run(
            command, cwd=BASE_DIR, env=stack.environment, capture_output=True, text=True, timeout=WITHIN_S
        )
        assert refused.returncode == 1
        assert "not large-v3" in refused.stderr


class TestCommands:
    @pytest.fixture(scope="class")
    @staticmethod
    def talk(tmp_path_factory):
        path = tmp_path_factory.mktemp("talk") / "talk.wav"
        path.write_bytes(as_wav(tones(3.0)).getvalue())
        return str(path)

    @staticmethod
    async def said(file, port, *options):
        """What the client prints."""
        out = io.StringIO()
        command = ("speech_client", file, "--port", str(port), "--speed", "0", *options)
        await asyncio.to_thread(call_command, *command, stdout=out)
        return out.getvalue()

    async def test_client_prints_what_is_confirmed_with_its_times(self, stack, talk):
        current, older = await asyncio.gather(
            self.said(talk, stack.current, "--chunk-duration", "0.3", "--lang", "de"),
            self.said(talk, stack.older, "--generation", "older"),
        )
        first, last = " S0001w1 s0001w2 s0001w3 s0001w4.", " S0002w1 s0002w2."
        lines = {f"0000 2000 {first}\n2000 3000 {last}\n", f"0000 3000 {first}{last}\n"}
        assert current in lines
        assert older in lines

    async def test_client_prints_the_hypothesis_when_asked_and_lets_one_text_grow(self, stack, talk):
        paced = ("--with-hypothesis", "--chunk-duration", "0.25", "--speed", "1.5")
        lines, older, grown = await asyncio.gather(
            self.said(talk, stack.current, *paced),
            self.said(talk, stack.older, "--generation", "older", *paced),
            self.said(talk, stack.current, "--interactive", *paced),
        )
        for printed in (lines, older):
            assert {line.split()[0] for line in printed.splitlines()} == {"CONF", "HYP"}
            confirmed = [line[15:] for line in printed.splitlines() if line.startswith("CONF")]
            assert "".join(confirmed) == told(3)
        assert grown.split() == told(3).split()

    async def test_client_says_why_the_server_refuses(self, stack, talk):
        with pytest.raises(CommandError, match="INVALID_ARGUMENT: The language is not one"):
            await self.said(talk, stack.current, "--lang", "xx")

    async def test_server_warms_up_first_and_when_it_is_to_end_says_everything(self, stack, talk):
        port = free_port()
        server = await asyncio.create_subprocess_exec(
            sys.executable, "manage.py", "speech_server", "--ports", str(port), "--warmup-file", talk,
            "--drain-seconds", str(WITHIN_S), cwd=BASE_DIR, env=stack.environment, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            assert b"warmed up" in await server.stderr.readline()
            assert b"speech is served" in await server.stderr.readline()
            async with stream(port) as call, stream(port) as last:
                for each in (call, last):
                    await each.send(config(), *map(audio, halves(2.5)))
                    each.stay()
                    await each.until(lambda each=each: each.answers)
                await last.finish()
                await last.until(lambda: last.text == told(2.5))  # the server knows that this is all
                await call.hush()
                server.terminate()
                assert await last.status() == ("OK", "")
                assert await call.status() == ("UNAVAILABLE", "The server is restarting: connect again")
                assert call.text == last.text == told(2.5)
            assert await server.wait() == 0
        finally:
            if server.returncode is None:
                server.kill()
                await server.wait()


class TestFaults:
    """Last: they break the stack that the others use, which mends itself."""

    async def through(self, stack, broken):
        """A gRPC stream and a twin speak while something is broken; nothing is lost, nothing comes twice."""
        async with stream(stack.current) as call, twin(stack.url) as socket:
            await call.send(config())
            await socket.send(start())
            call.stay()
            socket.stay()
            said_s = 0.0

            async def speak(seconds):
                nonlocal said_s
                for chunk in halves(seconds):
                    await call.send(audio(chunk))
                    await socket.send(chunk)
                said_s += seconds

            await speak(5)
            await call.until(lambda: call.text)
            breaking = asyncio.create_task(asyncio.to_thread(broken))
            while not breaking.done():
                await speak(0.5)
                await asyncio.wait({breaking}, timeout=0.5)
            await breaking
            await speak(5)
            await call.finish()
            await socket.finish()
            assert await call.status() == ("OK", "")
            assert await socket.end() == ({"type": "completed"}, 1000, "completed")
            assert call.text == told(said_s)
            assert socket.text == told(said_s)

    async def test_recognisers_that_are_killed_lose_and_double_nothing(self, stack):
        def kill():
            for (pid,) in stack.query("SELECT pid FROM asr_session WHERE state = 'live'"):
                os.kill(pid, signal.SIGKILL)

        await self.through(stack, kill)

    async def test_redis_that_restarts_loses_and_doubles_nothing(self, stack):
        def restart():
            stack.stop_program("redis")
            stack.start_program("redis")

        await self.through(stack, restart)

    async def test_server_that_is_killed_leaves_slots_to_its_successor(self, stack):
        async with stream(stack.current) as call:  # supervised: it is there again
            await call.send(config(), *map(audio, halves(2)))
            call.stay()
            await call.until(lambda: call.answers)
            async with twin(stack.url) as socket:
                await socket.send(start(), *halves(2))
                socket.stay()
                assert await socket.read()
                os.kill(stack.pid("speech"), signal.SIGKILL)
                os.kill(stack.pid("web"), signal.SIGKILL)
                await socket.end()
            code, _ = await call.status()
        assert code == "UNAVAILABLE"
        async with stream(stack.current) as call:
            await call.send(config(), *map(audio, halves(2)))
            await call.finish()
            assert await call.status() == ("OK", "")
        assert call.text == told(2)
