"""Engines in this process: Bergamot, Argos packages, pieces and codes."""

import io
import json
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translation.engines import codes
from translation.engines.argos import Argos
from translation.engines.base import EngineError
from translation.engines.bergamot import Bergamot, fold
from translation.engines.packages import PackageError, install, installed
from translation.engines.pieces import join, pieces

FLORES = Path(os.environ.get("FLORES_DIR", "/nowhere"))


def test_bergamot_translates_and_keeps_portuguese_no():
    texts = ["There is no spoon in the hall.", "We met in the hall.", ""]
    translated = Bergamot().translate(texts, "en", "pt")
    assert translated[0].startswith("Não há")
    assert " no " in translated[1]
    assert translated[2] == ""


def test_bergamot_translates_back_and_refuses_other_languages():
    assert "spoon" in Bergamot().translate(["Não há colher."], "pt", "en")[0]
    with pytest.raises(EngineError, match="refused"):
        Bergamot().translate(["Hallo"], "de", "pt")


@pytest.mark.parametrize(
    "text", ["\0", "x" * 2000, "你好世界", "🙂", "a\nb", "( ) [ ] {}", "\ud7ff", "\\1 \\g<0>"]
)
def test_bergamot_survives_any_text(text):
    assert len(Bergamot().translate([text, "Yes."], "en", "pt")) == 2


def test_names_are_folded_to_letters_that_the_model_knows():
    assert fold("Müller and Łukasz") == ("Muller and Lukasz", {"Muller": "Müller", "Lukasz": "Łukasz"})
    assert fold("olá, São Paulo") == ("olá, São Paulo", {})


@pytest.mark.skipif(not FLORES.is_dir(), reason="FLORES_DIR names no folder with dev.en and dev.pt")
def test_bergamot_reaches_its_published_quality():
    import sacrebleu

    english = (FLORES / "dev.en").read_text().splitlines()[:200]
    portuguese = (FLORES / "dev.pt").read_text().splitlines()[:200]
    translated = Bergamot().translate(english, "en", "pt")
    assert sacrebleu.corpus_bleu(translated, [portuguese]).score > 45


@given(st.text(max_size=3000), st.integers(20, 500))
def test_pieces_are_short_enough_and_lose_only_space(text, most):
    cut = list(pieces(text, most))
    assert all(0 < len(piece) <= most for piece in cut)
    assert "".join("".join(cut).split()) == "".join(text.split())
    assert join(cut).split() == " ".join(cut).split()


def test_codes_of_one_language_are_known_to_be_one():
    assert codes.same("zh", "zh-Hans")
    assert codes.same("no", "nb")
    assert not codes.same("zh", "zh-Hant")
    assert codes.native("zh", {"zh-Hans", "en"}) == "zh-Hans"
    assert codes.native("pt-BR", {"pt", "en"}) == "pt"
    assert codes.native("pt", {"pb", "en"}) == "pb"
    assert codes.native("fr", {"pt", "en"}) is None
    assert codes.native("pt-PT", {"pt", "en"}) == "pt"
    assert codes.native("es-MX", {"es", "en"}) == "es"
    assert codes.native("pt-PT", {"pt-BR", "en"}) is None
    assert codes.offers({("en", "pt")}, "en", "pt-BR")
    assert codes.offers({("en", "pt-PT")}, "en", "pt")
    assert not codes.offers({("en", "pt"), ("pt", "en")}, "pt", "pt-BR")
    assert codes.offers({("pt", "pt-BR")}, "pt", "pt-BR")
    assert not codes.offers({("en", "zh")}, "en", "zh-Hant")
    assert not codes.offers({("en", "zh")}, "en", "zh-HK")
    assert not codes.offers({("en", "pt")}, "en", "en")
    assert codes.canonical_pairs([("en", "zh-Hans"), ("no", "nb"), ("en", "../x")]) == {("en", "zh")}


def _package(**members: bytes) -> io.BytesIO:
    file = io.BytesIO()
    names = {"metadata": "metadata.json", "model": "model/model.bin", "pieces": "sentencepiece.model"}
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"top/{names.get(name, name)}", data)
    return file


def _metadata(**values: object) -> bytes:
    return json.dumps({"from_code": "en", "to_code": "eo", "package_version": "1.0", **values}).encode()


def test_a_package_is_installed_whole_and_replaced_by_a_newer(tmp_path):
    file = tmp_path / "x.argosmodel"
    for version in ("1.0", "1.1"):
        file.write_bytes(
            _package(metadata=_metadata(package_version=version), model=b"m", pieces=b"p").getvalue()
        )
        install(file, tmp_path / "root")
    assert [(package.target, package.version) for package in installed(tmp_path / "root")] == [("eo", "1.1")]
    assert not list((tmp_path / "root").glob(".*"))


@pytest.mark.parametrize(
    "content",
    [
        b"no zip",
        _package(metadata=_metadata()).getvalue(),
        _package(metadata=b"[]", model=b"m", pieces=b"p").getvalue(),
        _package(metadata=b"{", model=b"m", pieces=b"p").getvalue(),
        _package(metadata=_metadata(to_code="../../etc"), model=b"m", pieces=b"p").getvalue(),
        _package(metadata=_metadata(), model=b"m", pieces=b"p", **{"../../evil": b"x"}).getvalue(),
        _package(metadata=_metadata(type="sbd"), model=b"m", pieces=b"p").getvalue(),
        _package(metadata=_metadata() + b" " * 200_000, model=b"m", pieces=b"p").getvalue(),
    ],
)
def test_what_is_no_package_is_refused_and_leaves_nothing(tmp_path, content):
    file = tmp_path / "x.argosmodel"
    file.write_bytes(content)
    with pytest.raises(PackageError):
        install(file, tmp_path / "root")
    assert installed(tmp_path / "root") == []
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path / "root").exists() or not list((tmp_path / "root").iterdir())


def test_a_file_that_is_not_the_expected_one_is_refused(tmp_path):
    file = tmp_path / "x.argosmodel"
    file.write_bytes(_package(metadata=_metadata(), model=b"m", pieces=b"p").getvalue())
    with pytest.raises(PackageError, match="SHA-256"):
        install(file, tmp_path / "root", sha256="0" * 64)


@pytest.mark.model
def test_a_real_package_translates_in_batches_under_every_name_of_its_language(installed_chinese):
    argos = Argos(installed_chinese.folder.parent, threads=2)
    texts = ["你好，世界。", "今天的会议在下午三点开始。", ""]
    translated = argos.translate(texts, "zh", "en")
    assert translated == argos.translate(texts, "zh-Hans", "en")
    assert "world" in translated[0].lower()
    assert "meeting" in translated[1]
    assert translated[2] == ""
    assert argos.languages() == {("zh", "en")}
    with pytest.raises(EngineError, match="refused"):
        argos.translate(["x"], "zh", "pt")


def test_a_missing_pair_is_offered_through_english(tmp_path):
    for one, other in (("de", "en"), ("en", "eo"), ("fr", "en")):
        file = tmp_path / "x.argosmodel"
        metadata = _metadata(from_code=one, to_code=other)
        file.write_bytes(_package(metadata=metadata, model=b"m", pieces=b"p").getvalue())
        install(file, tmp_path / "root")
    pairs = Argos(tmp_path / "root").languages()
    assert pairs == {("de", "en"), ("en", "eo"), ("fr", "en"), ("de", "eo"), ("fr", "eo")}


def test_a_damaged_model_is_an_engine_error(tmp_path):
    file = tmp_path / "x.argosmodel"
    file.write_bytes(_package(metadata=_metadata(), model=b"m", pieces=b"p").getvalue())
    install(file, tmp_path / "root")
    with pytest.raises(EngineError, match="failed"):
        Argos(tmp_path / "root").translate(["x"], "en", "eo")
