"""The transcript chunk: pure."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.common.origin import origin_allowed
from gateways.conference.chunk import CaptionWindow
from gateways.conference.recorder import RecorderHeader
from transcripts.events import Partial, SentenceChanged, SentenceRemoved

GOLDEN = Path(__file__).parent / "golden" / "chunk.json"


def spoken(index, text, *, part=1, line=0, position=None, version=None, **more):
    values = {
        "lang": "en", "version": version or index + 1, "part": part, "broadcast": 1, "index": index, "line": line,
        "position": index if position is None else position, "start_ms": 2000 * index, "end_ms": 2000 * index + 1900,
        "speaker": -1, "text": text,
    }  # fmt: skip
    return SentenceChanged(**{**values, **more})


def translated(index, text, *, of_version, version=1, lang="de", **more):
    return spoken(index, text, lang=lang, version=version, of_version=of_version, **more)


def shown(window):
    """(line, position) → content."""
    return {
        (line["line_idx"], sentence["sent_idx"]): sentence["content"]
        for line in json.loads(window.render())["last_n_sents"]
        for sentence in line["sentences"]
    }


def test_chunk_is_the_golden_file():
    window = CaptionWindow(20)
    window.apply(spoken(0, "Good evening."))
    window.apply(translated(0, "Guten Abend.", of_version=1))
    window.apply(spoken(1, "Today: soldering – für alle."))
    window.apply(spoken(2, "First, tin.", line=1, position=0))  # behind a long pause
    window.apply(spoken(0, "After a restart.", part=2, line=2, position=0, version=4))
    window.show_partial(Partial("en", 2, 6000, "And then", 1))
    window.transcription_delay_s, window.translation_delay_s = 1.61, 0.4
    assert json.dumps(json.loads(window.render()), indent=2, ensure_ascii=False) + "\n" == GOLDEN.read_text(
        "utf-8"
    )


def test_empty_room_has_an_empty_chunk():
    assert json.loads(CaptionWindow(20).render()) == {
        "last_n_sents": [], "incomplete_sentence": "", "transcription_delay": 0.0, "translation_delay": 0.0,
    }  # fmt: skip


def test_only_the_newest_sentences_are_shown_and_their_indices_do_not_shift():
    window = CaptionWindow(3)
    for index in range(5):
        window.apply(spoken(index, f"Sentence {index}."))
    assert list(shown(window)) == [(0, 2), (0, 3), (0, 4)]


def test_corrected_sentence_keeps_its_index_and_its_translation_goes_until_it_is_redone():
    window = CaptionWindow(20)
    window.apply(spoken(0, "Wrong.", version=1))
    window.apply(translated(0, "Falsch.", of_version=1))
    window.apply(spoken(0, "Right.", version=2))
    assert shown(window) == {(0, 0): {"en": "Right."}}
    window.apply(translated(0, "Richtig.", of_version=2, version=2))
    assert shown(window) == {(0, 0): {"en": "Right.", "de": "Richtig."}}


def test_hints_that_come_late_or_twice_change_nothing():
    window = CaptionWindow(20)
    window.apply(spoken(0, "Right.", version=2))
    window.apply(spoken(0, "Wrong.", version=1))
    window.apply(translated(0, "Richtig.", of_version=2, version=2))
    window.apply(translated(0, "Falsch.", of_version=1, version=1))
    assert shown(window) == {(0, 0): {"en": "Right.", "de": "Richtig."}}


def test_translation_that_overtakes_its_sentence_is_shown_with_it():
    window = CaptionWindow(20)
    window.apply(translated(0, "Eins.", of_version=1))
    assert shown(window) == {}
    window.apply(spoken(0, "One."))
    assert shown(window) == {(0, 0): {"en": "One.", "de": "Eins."}}


def test_what_is_removed_is_not_shown():
    window = CaptionWindow(20)
    window.apply(spoken(0, "One."))
    window.apply(translated(0, "Eins.", of_version=1))
    window.remove(SentenceRemoved("de", 2, 1, 0))
    assert shown(window) == {(0, 0): {"en": "One."}}
    window.remove(SentenceRemoved("en", 2, 1, 0))
    window.remove(SentenceRemoved("en", 3, 1, 7))
    assert shown(window) == {}


def test_words_of_a_sentence_that_is_removed_do_not_become_unfinished_again():
    window = CaptionWindow(20)
    window.show_partial(Partial("en", 1, 0, "Secret birds. And", 0))
    window.apply(spoken(0, "Secret words."))
    window.remove(SentenceRemoved("en", 2, 1, 0))
    assert window.incomplete == ""  # nobody knows which of them are not the sentence's
    window.show_partial(Partial("en", 1, 900, "And then", 1))
    assert window.incomplete == "And then"


def test_words_behind_a_sentence_that_is_removed_stay():
    window = CaptionWindow(20)
    window.show_partial(Partial("en", 1, 0, "Secret, words. And", 0))
    window.apply(spoken(0, "Secret words."))
    window.remove(SentenceRemoved("en", 2, 1, 0))
    assert window.incomplete == "And"


def test_words_behind_those_that_became_a_sentence_stay():
    window = CaptionWindow(20)
    window.show_partial(Partial("en", 1, 0, "We print, and we", 0, confirmed_chars=13))
    window.apply(spoken(0, "We print,", ends=False))
    assert window.incomplete == "and we"
    window.show_partial(Partial("en", 1, 900, "and they", 1, confirmed_chars=3))
    assert window.incomplete == "and they"
    window.apply(spoken(1, "and they do."))
    assert window.incomplete == ""


def test_a_long_sentence_is_several_of_this_wire_s_and_its_translation_stands_at_the_first():
    window = CaptionWindow(2)
    for index, ends in enumerate((True, False, False, True, True, False)):
        window.apply(spoken(index, f"{index}", ends=ends))
    assert sorted(index for _, index in shown(window)) == [1, 2, 3, 4, 5]  # two whole ones, and what goes on
    for index, text in ((1, "Eins bis drei."), (2, ""), (3, "")):
        window.apply(translated(index, text, of_version=index + 1))
    assert [content["de"] for place, content in sorted(shown(window).items())[:3]] == [
        "Eins bis drei.",
        "",
        "",
    ]


def test_part_that_still_finishes_does_not_hide_the_unfinished_words_of_the_next():
    window = CaptionWindow(20)
    window.show_partial(Partial("en", 1, 0, "old words", 7))
    window.show_partial(Partial("de", 2, 0, "neue Wörter", 0))
    window.show_partial(Partial("en", 1, 0, "", 8))
    assert window.incomplete == "neue Wörter"


def test_words_of_a_sentence_are_incomplete_no_more_whichever_hint_comes_first():
    for order in ((0, 1, 2), (1, 0, 2), (0, 2, 1)):
        window = CaptionWindow(20)
        hints = [
            lambda w: w.show_partial(Partial("en", 1, 0, "One two. Three", 0)),
            lambda w: w.apply(spoken(0, "One two.")),
            lambda w: w.show_partial(Partial("en", 1, 1900, "Three", 1)),
        ]
        for number in order:
            hints[number](window)
            said = " ".join(content["en"] for content in shown(window).values())
            assert not (said and "One" in window.incomplete)
        window.show_partial(Partial("en", 1, 1900, "Three", 1))
        assert window.incomplete == "Three"


def test_sentences_of_an_older_part_take_no_words_from_the_next():
    window = CaptionWindow(20)
    window.show_partial(Partial("de", 2, 0, "neue Wörter", 0))
    window.apply(spoken(5, "Old words.", part=1))
    assert window.incomplete == "neue Wörter"


def test_each_part_is_one_line_whatever_its_pauses_and_lines_count_from_the_broadcast_s_first_part():
    window = CaptionWindow(20, first_part=4)
    window.apply(spoken(0, "One.", part=4, line=0))
    window.apply(spoken(1, "Behind a pause.", part=4, line=1, position=0, version=2))
    window.apply(spoken(0, "After a restart.", part=5, line=2, position=0, version=3))
    assert list(shown(window)) == [(0, 0), (0, 1), (1, 0)]


@given(st.permutations(range(8)))
def test_whatever_the_order_of_hints_the_chunk_is_the_same(order):
    events = [event for index in range(4) for event in (spoken(index, f"S{index}."), translated(index, f"T{index}.", of_version=index + 1, version=index + 1))]  # fmt: skip
    straight, shuffled = CaptionWindow(20), CaptionWindow(20)
    for event in events:
        straight.apply(event)
    for number in order:
        shuffled.apply(events[number])
    assert straight.render() == shuffled.render()


class TestRecorderHeader:
    HEAD = b"\x1a\x45\xdf\xa3" + b"h" * 200

    def test_ends_where_the_first_cluster_begins_wherever_blobs_are_cut(self):
        stream = self.HEAD + b"\x1f\x43\xb6\x75audio\xa3"
        for cut in range(1, len(stream)):
            header = RecorderHeader()
            header.note("head", stream[:cut])
            header.note("more", stream[cut:])
            assert header.whole == self.HEAD

    def test_next_recorder_s_header_replaces_it(self):
        header = RecorderHeader(b"older")
        header.note("more", b"audio")
        assert header.whole == b"older"
        header.note("head", self.HEAD)
        assert header.whole == b""
        header.note("more", b"\x1f\x43\xb6\x75")
        assert header.whole == self.HEAD

    def test_header_without_end_is_not_kept(self):
        header = RecorderHeader()
        header.note("head", self.HEAD)
        for _ in range(100):
            header.note("more", b"h" * 4096)
        header.note("more", b"\x1f\x43\xb6\x75")
        assert header.whole == b""

    def test_ogg_s_first_page_is_its_header(self):
        header = RecorderHeader()
        header.note("head", b"OggS first page OggS second page")
        assert header.whole == b"OggS first page "

    def test_first_byte_of_a_block_is_carried_into_the_next_log(self):
        header = RecorderHeader()
        header.note("more", b"...\xa3")
        assert header.carried == b"\xa3"
        header.note("more", b"....")
        assert header.carried == b""


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("", True), ("https://captions.example", True), ("http://localhost:3000", True), ("http://[::1]:8000", True),
        ("HTTP://LOCALHOST", True), ("null", False), ("https://evil.example", False), ("http://[", False),
        ("https://captions.example.evil.example", False), ("localhost", False),
    ],
)  # fmt: skip
def test_host_s_page_comes_from_here_or_from_an_origin_that_is_allowed(settings, origin, allowed):
    settings.CORS_ALLOWED_ORIGINS = ["https://captions.example"]
    settings.ALLOWED_HOSTS = ["localhost", "[::1]"]
    assert origin_allowed(origin) is allowed
