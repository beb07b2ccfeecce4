"""LibreTranslate's wire, against a scripted server with recorded answers, and against a real one where there is one."""

import email.utils
import json
import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from translation.engines.base import EngineError
from translation.engines.http import Address
from translation.engines.libretranslate import LibreTranslate
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
        engine.translate(["A text whose bytes take a minute. " * 20], "en", "de")
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("0", 0.0), ("999999999999", 600.0), ("-3", None), ("soon", None), ("", None)],
)
def test_a_server_says_when_to_come_back(server, value, seconds):
    server.mode, server.retry_after = "busy", value
    with pytest.raises(EngineError, match="busy") as error:
        _engine(server).translate(["One."], "en", "de")
    assert error.value.retry_after_s == seconds


def test_a_server_says_when_to_come_back_as_a_date_and_with_any_status(server):
    server.mode = "fails"
    server.retry_after = email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    with pytest.raises(EngineError, match="busy") as error:
        _engine(server).translate(["One."], "en", "de")
    assert error.value.retry_after_s is not None
    assert 20 < error.value.retry_after_s <= 30


def _speaks_this_wire(engine: LibreTranslate) -> None:
    """In whichever languages it has."""
    pairs = sorted(engine.languages())
    source, target = next((pair for pair in pairs if pair[0] == "en"), pairs[0])
    translated = engine.translate(["Radio.", "Hotel Berlin, 14:05."], source, target)
    assert len(translated) == 2
    assert "14" in translated[1]
    with pytest.raises(EngineError):
        engine.translate(["x"], source, "xx")


def test_a_server_without_english_speaks_this_wire(server):
    listed = [{"code": code, "name": code, "targets": ["de", "pt"]} for code in ("de", "pt")]
    server.listed = json.dumps(listed).encode()
    _speaks_this_wire(_engine(server))
    assert server.requests[0]["source"] == "de"


@pytest.mark.skipif(not REAL, reason="LIBRETRANSLATE_URL is not set")
def test_a_real_libretranslate_speaks_this_wire():
    _speaks_this_wire(
        LibreTranslate(Address(REAL, os.environ.get("LIBRETRANSLATE_API_KEY", ""), timeout_s=30))
    )
