"""What is read at run time is what protoc makes of the .proto files."""

import subprocess
import sys

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from gateways.speech.messages import PROTOS, generation


@pytest.mark.parametrize("name", ["current", "older"])
def test_descriptors_are_those_of_the_proto(name, tmp_path):
    made = tmp_path / "speech.binpb"
    subprocess.run(
        [
            sys.executable, "-m", "grpc_tools.protoc", "-I", str(PROTOS / name),
            f"--descriptor_set_out={made}", "speech.proto",
        ],
        check=True,
    )  # fmt: skip
    kept = (PROTOS / name / "speech.binpb").read_bytes()
    assert FileDescriptorSet.FromString(kept) == FileDescriptorSet.FromString(made.read_bytes())


def test_both_generations_live_in_one_process():
    current, older = generation("current"), generation("older")
    assert current.message("AudioChunk")(audio_bytes=b"ab").audio_bytes == b"ab"
    assert list(older.message("AudioChunk")(samples=[0.5]).samples) == [0.5]
    assert current.services == ["speech.SpeechToText"]
    assert older.services == ["speech.SpeechToText", "speech.SpeechToTextWithHypothesis"]


def test_numbers_of_fields_are_those_that_clients_were_made_with():
    def numbers(name, message):
        return {field.name: field.number for field in generation(name).message(message).DESCRIPTOR.fields}

    assert numbers("current", "AudioChunk") == {"audio_bytes": 1}
    assert numbers("current", "StreamingConfig") == {"chunk_duration_millis": 1, "encoding": 2}
    assert numbers("current", "StreamingRecognizeRequest") == {"config": 1, "audio_chunk": 2}
    assert numbers("current", "StreamingRecognizeResponse") == {"confirmed": 1, "interim": 2}
    assert numbers("older", "AudioChunk") == {"samples": 1}
    assert numbers("older", "TranscriptWithHypothesis") == {"confirmed": 1, "hypothesis": 2}
    for name in ("current", "older"):
        transcript = {"start_time_millis": 1, "end_time_millis": 2, "text": 3}
        assert numbers(name, "Transcript") == transcript
    encodings = generation("current").pool.FindEnumTypeByName("speech.AudioEncoding").values_by_name
    assert {name: value.number for name, value in encodings.items()} == {
        "AUDIO_ENCODING_UNSPECIFIED": 0,
        "AUDIO_ENCODING_PCM_F32LE": 1,
        "AUDIO_ENCODING_PCM_S16LE": 2,
    }
