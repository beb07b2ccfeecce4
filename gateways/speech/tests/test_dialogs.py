"""What each generation's client may say, and in which words it is refused."""

import struct

import numpy as np
import pytest

from asr.audio.pcm import RawFormat
from gateways.speech.dialogs import CURRENT, OLDER, CurrentDialog, OlderDialog, OlderDialogWithHypothesis
from gateways.speech.pieces import Piece, Update
from gateways.speech.refusals import Refused

Request = CURRENT.message("StreamingRecognizeRequest")
Response = CURRENT.message("StreamingRecognizeResponse")
CONFIRMED, INTERIM = Piece(0, 900, " Hello"), Piece(900, 1200, " my")


def config(chunk_ms=500, encoding=0):
    request = Request(config={"chunk_duration_millis": chunk_ms, "encoding": encoding})
    return request.SerializeToString()


def chunk(data):
    return Request(audio_chunk={"audio_bytes": data}).SerializeToString()


def refused(call, *arguments):
    with pytest.raises(Refused) as caught:
        call(*arguments)
    return caught.value.refusal.code, caught.value.refusal.message


class TestCurrent:
    @pytest.mark.parametrize(
        ("encoding", "raw_format"),
        [(0, RawFormat("f32le")), (1, RawFormat("f32le")), (2, RawFormat("s16le"))],
    )
    def test_config_names_the_encoding(self, encoding, raw_format):
        assert CurrentDialog().begin(config(encoding=encoding)).raw_format == raw_format

    @pytest.mark.parametrize(("chunk_ms", "within_s"), [(1, 1.0), (500, 1.0), (501, 1.002), (1000, 2.0)])
    def test_first_audio_is_expected_within_two_chunks_and_at_least_a_second(self, chunk_ms, within_s):
        assert CurrentDialog().begin(config(chunk_ms)).first_audio_within_s == within_s

    @pytest.mark.parametrize("chunk_ms", [0, -1, 1001, 2**31 - 1])
    def test_chunks_are_of_up_to_a_second(self, chunk_ms):
        assert refused(CurrentDialog().begin, config(chunk_ms)) == (
            "invalid_argument",
            "chunk_duration_millis must be > 0 and <= 1000",
        )

    @pytest.mark.parametrize("encoding", [3, 99, -1])
    def test_unknown_encoding_is_refused(self, encoding):
        assert refused(CurrentDialog().begin, config(encoding=encoding)) == (
            "invalid_argument",
            "encoding must be one of: AUDIO_ENCODING_PCM_F32LE, AUDIO_ENCODING_PCM_S16LE",
        )

    @pytest.mark.parametrize("first", [chunk(b""), b"", chunk(b"\0" * 64)])
    def test_config_comes_first(self, first):
        words = "The first streaming message must be a config"
        assert refused(CurrentDialog().begin, first) == ("invalid_argument", words)

    @pytest.mark.parametrize("later", [config(), b""])
    def test_config_comes_once(self, later):
        dialog = CurrentDialog()
        dialog.begin(config())
        words = "Only audio_chunk messages are allowed after the initial config"
        assert refused(dialog.audio, later) == ("invalid_argument", words)

    @pytest.mark.parametrize(("encoding", "longest"), [(1, 32_000), (2, 16_000)])
    def test_chunk_is_no_longer_than_the_config_says(self, encoding, longest):
        dialog = CurrentDialog()
        dialog.begin(config(500, encoding))
        assert len(dialog.audio(chunk(bytes(longest)))) == longest
        assert refused(dialog.audio, chunk(bytes(longest + 4))) == (
            "invalid_argument",
            "Audio chunk exceeds the configured chunk_duration_ms",
        )

    @pytest.mark.parametrize(("encoding", "odd"), [(1, 6), (1, 1), (2, 3)])
    def test_half_a_sample_is_refused(self, encoding, odd):
        dialog = CurrentDialog()
        dialog.begin(config(500, encoding))
        words = "Audio chunk encoding does not match the accepted stream config"
        assert refused(dialog.audio, chunk(bytes(odd))) == ("invalid_argument", words)

    @pytest.mark.parametrize("half", [config()[:-1], b"\xff\xff", b"\n\x7f"])
    def test_half_a_message_is_refused(self, half):
        words = "The message cannot be parsed"
        assert refused(CurrentDialog().begin, half) == ("invalid_argument", words)

    def test_what_there_is_not_is_left_out(self):
        answer = Response.FromString(CurrentDialog().answer(Update(CONFIRMED, INTERIM)))
        assert (answer.confirmed.text, answer.interim.start_time_millis) == (" Hello", 900)
        answer = Response.FromString(CurrentDialog().answer(Update(CONFIRMED, None)))
        assert answer.HasField("confirmed")
        assert not answer.HasField("interim")
        taken_back = Response.FromString(CurrentDialog().answer(Update(None, Piece(0, 0, ""))))
        assert taken_back.HasField("interim")
        assert not taken_back.HasField("confirmed")


class TestOlder:
    SAMPLES = np.array([0.5, -0.25, 1.5, float("nan")], "<f4")

    def test_first_message_is_audio_already(self):
        message = OLDER.message("AudioChunk")(samples=self.SAMPLES.tolist()).SerializeToString()
        start = OlderDialog().begin(message)
        assert (start.raw_format, start.audio) == (RawFormat("f32le"), self.SAMPLES.tobytes())

    def test_samples_as_bytes_are_the_same_on_the_wire(self):
        """As a revision between the generations sent them."""
        message = CURRENT.message("AudioChunk")(audio_bytes=self.SAMPLES.tobytes()).SerializeToString()
        assert OlderDialog().audio(message) == self.SAMPLES.tobytes()

    def test_samples_that_are_not_packed_are_read_too(self):
        message = b"".join(b"\x0d" + struct.pack("<f", sample) for sample in (0.5, -0.25))
        assert OlderDialog().audio(message) == np.array([0.5, -0.25], "<f4").tobytes()

    @pytest.mark.parametrize("half", [b"\n\x03abc", b"\n\x7f", b"\xff"])
    def test_half_a_message_is_refused(self, half):
        assert refused(OlderDialog().audio, half) == ("invalid_argument", "The message cannot be parsed")

    def test_transcripts_are_what_is_confirmed(self):
        answer = OLDER.message("Transcript").FromString(OlderDialog().answer(Update(CONFIRMED, INTERIM)))
        assert (answer.start_time_millis, answer.end_time_millis, answer.text) == (0, 900, " Hello")
        assert OlderDialog().answer(Update(None, INTERIM)) is None

    def test_with_hypothesis_both_are_always_there(self):
        message = OLDER.message("TranscriptWithHypothesis")
        answer = message.FromString(OlderDialogWithHypothesis().answer(Update(None, INTERIM)))
        assert answer.HasField("confirmed")
        assert (answer.confirmed.text, answer.hypothesis.text) == ("", " my")
        answer = message.FromString(OlderDialogWithHypothesis().answer(Update(CONFIRMED, None)))
        assert answer.HasField("hypothesis")
        assert (answer.confirmed.text, answer.hypothesis.text) == (" Hello", "")
