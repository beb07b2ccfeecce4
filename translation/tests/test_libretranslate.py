"""LibreTranslate's wire, against a scripted server with recorded answers, and against a real one where there is one."""

import os
import time

import pytest

from translation.engines.base import EngineError
from translation.engines.libretranslate import Address, LibreTranslate
from translation.tests.scripted_libretranslate import ScriptedLibreTranslate

REAL = os.environ.get("LIBRETRANSLATE_URL", "")


def _engine(server: ScriptedLibreTranslate, **changes: object) -> LibreTranslate:
    return LibreTranslate(Address(server.url, **{"timeout_s": 1.0, **changes}))


def test_languages_are_offered_under_our_names(server):
    pairs = _engine(server).languages()
    assert ("en", "zh") in pairs
    assert ("de", "nb") in pairs
    assert all(one != other for one, other in pairs)


def test_a_batch_is_one_request_with_the_servers_own_codes(server):
    engine = _engine(server, api_key="k" * 8)
    assert engine.translate(["One.", "Two."], "en", "zh") == ["[zh-Hans] One.", "[zh-Hans] Two."]
    assert server.requests == [
        {"q": ["One.", "Two."], "source": "en", "target": "zh-Hans", "format": "text", "api_key": "k" * 8}
    ]


def test_norwegian_has_two_names(server):
    assert _engine(server).translate(["Ja."], "no", "de") == ["[de] Ja."]
    assert server.requests[0]["source"] == "nb"


def test_the_connection_is_kept_and_a_restart_of_the_server_is_survived(server):
    engine = _engine(server)
    engine.translate(["One."], "en", "de")
    server.stop()
    with pytest.raises(EngineError, match="unreachable"):
        engine.translate(["Two."], "en", "de")
    server.start()
    assert engine.translate(["Three."], "en", "de") == ["[de] Three."]


@pytest.mark.parametrize(
    ("mode", "code", "per_text"),
    [
        ("fails", "failed", True),
        ("garbage", "garbage", True),
        ("few", "wrong_count", True),
        ("busy", "busy", False),
        ("key", "forbidden", False),
        ("slow", "timeout", False),
    ],
)
def test_every_kind_of_wrong_answer_has_its_word(server, mode, code, per_text):
    server.mode = mode
    with pytest.raises(EngineError) as error:
        _engine(server, timeout_s=0.3).translate(["One.", "Two."], "en", "de")
    assert (error.value.code, error.value.per_text) == (code, per_text)


def test_a_language_it_does_not_know_is_refused(server):
    with pytest.raises(EngineError, match="refused"):
        _engine(server).translate(["One."], "en", "eo")


def test_a_server_that_drips_is_given_up_in_time(server):
    engine = _engine(server, timeout_s=0.5)
    engine.languages()
    server.mode = "drips"
    began = time.monotonic()
    with pytest.raises(EngineError, match="timeout"):
        engine.translate(["A longer text than half a second's bytes."], "en", "de")
    assert time.monotonic() - began < 2


@pytest.mark.skipif(not REAL, reason="LIBRETRANSLATE_URL is not set")
def test_a_real_libretranslate_speaks_this_wire():
    engine = LibreTranslate(Address(REAL, os.environ.get("LIBRETRANSLATE_API_KEY", ""), timeout_s=30))
    pairs = engine.languages()
    source, target = next(pair for pair in sorted(pairs) if pair[0] == "en")
    translated = engine.translate(["Good morning.", "The talk starts at 14:05."], source, target)
    assert len(translated) == 2
    assert "14:05" in translated[1] or "14" in translated[1]
    with pytest.raises(EngineError):
        engine.translate(["x"], "en", "xx")
