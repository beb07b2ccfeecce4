"""What was said in a file, in each of the vendor's formats."""

import json

import pytest

from asr.recognise.recogniser import Word
from gateways.openai.formats import Transcript, as_json, as_text, as_verbose_json, language_name

TEXT = "Hello there. It is 3.5 <b>degrees</b>, they said."
WORDS = [Word(number * 500, number * 500 + 400, f" {text}", 0.5) for number, text in enumerate(TEXT.split())]
SAID = Transcript(WORDS, "en", 4.25)


def test_json_is_the_text_and_how_long_it_took_to_say():
    assert as_json(SAID) == {"text": TEXT, "usage": {"type": "duration", "seconds": 5}}
    assert as_json(SAID, with_logprobs=True)["logprobs"][0] == {
        "token": " Hello",
        "logprob": -0.693147,
        "bytes": list(b" Hello"),
    }


def test_text_is_a_line():
    assert as_text(SAID, "text") == TEXT + "\n"


def test_subtitles_have_sentences_with_times_and_no_markup_of_who_spoke():
    assert as_text(SAID, "srt") == (
        "1\n00:00:00,000 --> 00:00:01,000\nHello there.\n\n"
        "2\n00:00:01,080 --> 00:00:03,900\nIt is 3.5 ‹b›degrees‹/b›, they said.\n\n"
    )
    vtt = as_text(SAID, "vtt")
    assert vtt.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nHello there.\n\n")
    assert "&lt;b&gt;degrees&lt;/b&gt;" in vtt


def test_verbose_json_has_segments_unless_words_alone_were_asked_for():
    found = as_verbose_json(SAID, [])
    assert {name: found[name] for name in ("task", "language", "duration", "text")} == {
        "task": "transcribe",
        "language": "english",
        "duration": 4.25,
        "text": TEXT,
    }
    assert "words" not in found
    first = found["segments"][0]
    assert (first["id"], first["start"], first["end"], first["text"]) == (0, 0.0, 0.9, "Hello there.")
    assert first["avg_logprob"] == -0.693147
    words = as_verbose_json(SAID, ["word"])
    assert "segments" not in words
    assert words["words"][1] == {"word": "there.", "start": 0.5, "end": 0.9}
    assert as_verbose_json(SAID, ["word", "segment"]).keys() >= {"words", "segments"}


def test_nothing_said_is_an_empty_answer_in_every_format():
    nothing = Transcript([], "en", 1.0)
    assert as_json(nothing)["text"] == ""
    assert as_verbose_json(nothing, ["word", "segment"])["segments"] == []
    assert [as_text(nothing, kind) for kind in ("text", "srt", "vtt")] == ["\n", "", "WEBVTT\n\n"]
    assert json.dumps(as_verbose_json(nothing, []))


@pytest.mark.parametrize(
    ("lang", "name"), [("de", "german"), ("pt", "portuguese"), ("xx", "xx"), ("zh", "chinese")]
)
def test_language_is_named_as_the_vendor_names_it(lang, name):
    assert language_name(lang) == name
