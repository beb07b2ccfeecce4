"""The commands that measure, with the real model on four seconds of speech."""

import io
import json

import av
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from asr.sample import SAMPLE
from ops.measure.talk import read_audio

pytestmark = pytest.mark.model

SECONDS = 4.0


@pytest.fixture
def folder(tmp_path):
    """The sample's beginning, and its text beside it."""
    samples = (read_audio(SAMPLE.path)[: int(SECONDS * 16_000)] * 32767).astype("int16")
    with av.open(str(tmp_path / "kennedy.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    (tmp_path / "kennedy.txt").write_text("And so, my fellow Americans, ask not")
    return tmp_path


def lines(*args):
    out = io.StringIO()
    call_command(*args, "--virtual", stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines() if line.startswith("{")]


def test_a_folder_of_audio_and_text_is_measured_without_word_times_beside_it(folder):
    (row,) = lines("bench_asr", str(folder), "--no-offline")
    assert row["talk"] == "kennedy"
    assert row["offline_wer"] is None
    assert row["wer"] < 0.5
    assert 0 < row["commit_p50_s"] < 5  # there are times: they were aligned
    assert {
        "normalized_erasure",
        "sentence_f1",
        "wer_formatted",
        "rtf",
        "long_yaal_s",
        "stream_laal_s",
    } <= set(row)


def test_the_last_line_holds_every_condition_beside_offline(folder):
    *_, last = lines("bench_conditions", str(folder), "--condition", "applause-20")
    assert [row["condition"] for row in last["rows"]] == ["applause-20"]
    assert all(0 <= row["offline_wer"] <= 1 and row["normalized_erasure"] >= 0 for row in last["rows"])
    assert last["seeds"] == [1]


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["--condition", "rain"], "No condition is called 'rain'"),
        (["--language", "xx"], "Nobody reads 'xx'"),
    ],
)
def test_what_cannot_be_played_is_said_before_anything_is_measured(tmp_path, args, why):
    (tmp_path / "a.wav").write_bytes(SAMPLE.path.read_bytes())
    (tmp_path / "utterances.tsv").write_text("file\tlanguage\treference\na.wav\ten\tAnd so\n")
    with pytest.raises(CommandError, match=why):
        call_command("bench_conditions", str(tmp_path), *args)
