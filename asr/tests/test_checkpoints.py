"""Checkpoints for torch: folders that hold one are found, others are refused with what is missing."""

import json

import pytest

from asr import checkpoints
from asr.weights import WeightsError


def checkpoint(folder, *, kind="whisper", files=("model.safetensors", "tokenizer.json")):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    for name in files:
        (folder / name).write_bytes(b"")
    return folder


def test_a_folder_is_found_alone_and_by_its_name(tmp_path):
    own = checkpoint(tmp_path / "models" / "whisper-base-talks")
    assert checkpoints.find_or_fetch(str(own)) == own
    assert checkpoints.find_or_fetch("whisper-base-talks", model_dir=tmp_path / "models") == own
    assert checkpoints.find_or_fetch("whisper-base-talks", model_dir=own) == own


def test_older_checkpoints_have_pickled_tensors_and_a_vocabulary(tmp_path):
    older = checkpoint(tmp_path / "older", files=("pytorch_model.bin", "vocab.json", "merges.txt"))
    assert checkpoints.find_or_fetch(str(older)) == older


@pytest.mark.parametrize(
    ("facts", "missing"),
    [
        ({"kind": "wav2vec2"}, "not that of a Whisper checkpoint"),
        ({"files": ("tokenizer.json",)}, "holds no weights"),
        ({"files": ("model.safetensors",)}, "holds no tokenizer"),
    ],
)
def test_another_folder_is_refused_with_what_is_missing(tmp_path, facts, missing):
    with pytest.raises(WeightsError, match=missing):
        checkpoints.find_or_fetch(str(checkpoint(tmp_path / "other", **facts)))


def test_a_config_that_is_none_is_refused(tmp_path):
    folder = checkpoint(tmp_path / "broken")
    for content in ("{", "[1]"):
        (folder / "config.json").write_text(content)
        with pytest.raises(WeightsError, match=r"config\.json"):
            checkpoints.find_or_fetch(str(folder))


@pytest.mark.parametrize("name", ["huge", "a/b/c", "/nowhere/at all"])
def test_a_name_of_nothing_says_what_may_be_set(name):
    with pytest.raises(WeightsError, match=r"owner/name on the hub.*large-v3-turbo"):
        checkpoints.find_or_fetch(name)
