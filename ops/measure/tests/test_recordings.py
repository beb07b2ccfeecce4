"""Folders of recordings with their texts."""

import json

import pytest

from asr.sample import SAMPLE
from ops.measure.recordings import load_recordings


@pytest.fixture
def folder(tmp_path):
    for name in ("a.wav", "b.wav", "c.wav", "without text.wav"):
        (tmp_path / name).write_bytes(SAMPLE.path.read_bytes())
    (tmp_path / "utterances.tsv").write_text(
        'file\tlanguage\treference\na.wav\tfr\tAnd so, "my" fellow Americans\n'
    )
    (tmp_path / "b.txt").write_text("And so,\nmy fellow Americans\n")
    facts = {
        "name": "talk_c",
        "language": "en",
        "reference": "And",
        "words": [{"w": "And", "start": 0.1, "end": 0.5}],
    }
    (tmp_path / "c.json").write_text(json.dumps(facts))
    (tmp_path / "notes.txt").write_text("no audio of that name")
    return tmp_path


def test_a_folder_is_all_audio_in_it_whose_text_is_known(folder):
    found = {recording.talk.name: recording for recording in load_recordings(folder, "en")}
    assert sorted(found) == ["a", "b", "talk_c"]
    assert (found["a"].talk.language, found["a"].talk.reference) == ("fr", 'And so, "my" fellow Americans')
    assert (found["b"].talk.language, found["b"].talk.reference) == ("en", "And so, my fellow Americans")
    assert [word.text for word in found["talk_c"].talk.words] == ["And"]
    assert found["b"].path == folder / "b.wav"
    assert found["a"].talk.seconds == pytest.approx(11.0, abs=0.01)


def test_one_file_of_a_folder_is_read_alone(folder):
    assert [each.talk.name for each in load_recordings(folder / "c.json")] == ["talk_c"]
    assert [each.talk.name for each in load_recordings(folder / "utterances.tsv")] == ["a"]


def test_a_folder_without_any_is_refused(tmp_path):
    with pytest.raises(ValueError, match="No audio with a reference"):
        load_recordings(tmp_path)
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(ValueError, match="No audio beside"):
        load_recordings(tmp_path / "x.json")
