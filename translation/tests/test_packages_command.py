"""manage.py translation_packages, with an index on a real HTTP server."""

import io
import json
import zipfile

import pytest
from django.core.management import CommandError, call_command


@pytest.fixture
def package(tmp_path, env):
    env(translation_package_dir=tmp_path / "root")
    file = tmp_path / "en_eo.argosmodel"
    with zipfile.ZipFile(file, "w") as archive:
        metadata = {"from_code": "en", "to_code": "eo", "package_version": "1.5"}
        archive.writestr("x/metadata.json", json.dumps(metadata))
        archive.writestr("x/model/model.bin", b"m")
        archive.writestr("x/sentencepiece.model", b"p")
    return file


def _run(*words: str) -> str:
    out = io.StringIO()
    call_command("translation_packages", *words, stdout=out)
    return out.getvalue()


def test_a_file_is_installed_and_listed(package):
    assert _run("list") == ""
    assert "installed en_eo 1.5" in _run("install", str(package))
    assert _run("list") == "en_eo 1.5\n"


def test_what_is_no_package_is_refused_in_words(tmp_path, package):
    (tmp_path / "bad.argosmodel").write_bytes(b"no")
    with pytest.raises(CommandError, match="not installed"):
        _run("install", str(tmp_path / "bad.argosmodel"))
    with pytest.raises(CommandError, match="SHA-256"):
        _run("install", str(package), "--sha256", "0" * 64)


def test_an_index_that_cannot_be_reached_is_told(package, env):
    env(translation_package_index="http://127.0.0.1:9/index.json")
    with pytest.raises(CommandError, match="cannot be fetched"):
        _run("install", "en_de")
