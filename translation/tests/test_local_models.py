"""Models in folders, and two engines in a row."""

import shutil

import pytest

from translation.engines import codes
from translation.engines.base import EngineError
from translation.engines.ctranslate2 import NLLB_CODES, CTranslate2
from translation.engines.pivot import Pivot


class Scripted:
    """Marks texts; offers these pairs."""

    def __init__(self, name, *pairs, remote=False, error=""):
        self.name, self.pairs, self.remote, self.error = name, frozenset(pairs), remote, error

    def languages(self):
        if self.error:
            raise EngineError(self.error)
        return self.pairs

    def translate(self, texts, source, target):
        assert codes.offers(self.pairs, source, target)
        return [f"{self.name}({text})" for text in texts]


def made(root, name, *files):
    folder = root / name
    folder.mkdir(parents=True)
    for file in ("model.bin", *files):
        (folder / file).write_bytes(b"x")
    return folder


def test_folders_say_what_they_translate(tmp_path):
    made(tmp_path, "opus-mt-en-de", "source.spm", "target.spm")
    made(tmp_path, "opus-mt-en-no", "source.spm", "target.spm")
    made(tmp_path, "opus-mt-fr-de", "source.spm")  # half of it
    made(tmp_path, "something", "source.spm", "target.spm")
    assert CTranslate2(tmp_path).languages() == {("en", "de"), ("en", "nb")}


def test_a_new_folder_is_seen_and_a_missing_root_offers_nothing(tmp_path):
    engine = CTranslate2(tmp_path / "models")
    assert engine.languages() == frozenset()
    made(tmp_path / "models", "opus-mt-en-de", "source.spm", "target.spm")
    assert engine.languages() == {("en", "de")}


def test_nllb_is_between_all_languages_that_have_a_code(tmp_path):
    made(tmp_path, "nllb-200-distilled-600M", "sentencepiece.bpe.model")
    pairs = CTranslate2(tmp_path).languages()
    assert len(pairs) == len(NLLB_CODES) * (len(NLLB_CODES) - 1)
    assert ("de", "zh-Hant") in pairs


@pytest.mark.parametrize("name", ["opus-mt-en-de", "nllb"])
def test_a_damaged_model_is_an_engine_error(tmp_path, name):
    made(tmp_path, name, "source.spm", "target.spm", *(["sentencepiece.bpe.model"] if name == "nllb" else []))
    with pytest.raises(EngineError, match="failed"):
        CTranslate2(tmp_path).translate(["One."], "en", "de")
    with pytest.raises(EngineError, match="refused"):
        CTranslate2(tmp_path).translate(["One."], "en", "xx")


@pytest.mark.model
def test_a_real_model_of_a_pair_translates_in_batches_under_every_name_of_its_language(
    tmp_path, installed_chinese
):
    folder = tmp_path / "opus-mt-zh-en"
    shutil.copytree(installed_chinese.folder / "model", folder)
    for name in ("source.spm", "target.spm"):
        shutil.copy(installed_chinese.folder / "sentencepiece.model", folder / name)
    engine = CTranslate2(tmp_path, threads=2)
    texts = ["你好，世界。", "今天的会议在下午三点开始。", ""]
    translated = engine.translate(texts, "zh", "en")
    assert translated == engine.translate(texts, "zh-Hans", "en")
    assert "world" in translated[0].lower()
    assert "meeting" in translated[1]
    assert translated[2] == ""


def test_two_engines_do_what_neither_does_alone():
    one, other = Scripted("one", ("zh", "en"), ("en", "zh")), Scripted("other", ("en", "pt"), ("zh", "fr"))
    pivot = Pivot([one, other], via="en")
    assert pivot.languages() == {("zh", "pt")}
    assert pivot.translate(["你好"], "zh-Hans", "pt") == ["other(one(你好))"]
    with pytest.raises(EngineError, match="refused"):
        pivot.translate(["x"], "fr", "pt")


def test_an_engine_that_is_away_takes_part_in_nothing():
    away = Scripted("away", ("zh", "en"), remote=True, error="unreachable")
    there = Scripted("there", ("en", "pt"))
    pivot = Pivot([away, there], via="en")
    assert pivot.remote
    assert pivot.languages() == frozenset()
    away.error = ""
    assert pivot.languages() == {("zh", "pt")}
