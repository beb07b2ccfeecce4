"""Items between pauses and commits: which words belong to which, and what is told of them, to the letter."""

from itertools import count

import pytest

from asr.recognise.recogniser import Word
from gateways.openai.items import Items
from gateways.openai.refusals import Refusal, problem


def items(**fields):
    numbers = count(1)
    found = Items(new_id=lambda: f"item_{next(numbers)}")
    for name, value in fields.items():
        setattr(found, name, value)
    return found


def word(start_ms, text, probability=0.5):
    return Word(start_ms, start_ms + 400, text, probability)


def told(events):
    """Without what is new each time."""
    found = [each.model_dump() for each in events]
    return [
        {
            "type": each.pop("type").removeprefix("conversation.item.input_audio_transcription."),
            **{name: value for name, value in each.items() if name not in ("event_id", "content_index", "id", "speaker")},
        }
        for each in found
    ]  # fmt: skip


def commit(by, at_ms, mark):
    events = by.commit(at_ms)
    by.mark(mark)
    return events


def delta(item, text):
    return {"type": "delta", "item_id": item, "delta": text}


def completed(item, text, seconds):
    return {
        "type": "completed",
        "item_id": item,
        "transcript": text,
        "usage": {"type": "duration", "seconds": seconds},
    }


def segment(item, start, end, text):
    return {"type": "segment", "item_id": item, "start": start, "end": end, "text": text}


def committed(item, previous=None):
    return {"type": "input_audio_buffer.committed", "previous_item_id": previous, "item_id": item}


def test_speech_is_an_item_from_its_first_sound_to_the_pause():
    turns = items()
    assert told(turns.speech("started", 300)) == [
        {"type": "input_audio_buffer.speech_started", "audio_start_ms": 300, "item_id": "item_1"}
    ]
    assert told(turns.words([word(350, " Hello"), word(800, " there.")])) == [delta("item_1", "Hello there.")]
    assert told(turns.speech("stopped", 1300)) == [
        {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 1300, "item_id": "item_1"},
        committed("item_1"),
        segment("item_1", 0.35, 1.2, "Hello there."),
        completed("item_1", "Hello there.", 1.0),
    ]


def test_deltas_of_an_item_in_a_row_are_its_transcript():
    turns = items()
    events = turns.speech("started", 0)
    for text in (" One", " two,", " three", "."):
        events += turns.words([word(500, text)])
    events += turns.speech("stopped", 2000)
    found = told(events)
    deltas = "".join(each["delta"] for each in found if each["type"] == "delta")
    assert deltas == next(each["transcript"] for each in found if each["type"] == "completed")
    assert deltas == "One two, three."


def test_each_item_names_the_one_before():
    turns = items()
    events = []
    for number in range(3):
        events += turns.speech("started", number * 1000) + turns.speech("stopped", number * 1000 + 500)
    assert [each for each in told(events) if each["type"].endswith("committed")] == [
        committed("item_1"), committed("item_2", "item_1"), committed("item_3", "item_2"),
    ]  # fmt: skip


def test_speech_without_words_is_an_empty_item():
    turns = items()
    turns.speech("started", 0)
    assert told(turns.speech("stopped", 700))[-1] == completed("item_1", "", 0.7)


def test_words_whose_beginning_was_lost_begin_an_item():
    turns = items()
    assert [each["type"] for each in told(turns.words([word(2000, " Late")]))] == [
        "input_audio_buffer.speech_started",
        "delta",
    ]
    assert told(turns.speech("started", 2100)) == []


def test_commit_takes_the_words_up_to_its_mark_and_no_others():
    by_hand = items(turn_detection=False)
    assert told(by_hand.words([word(0, " One")])) == [delta("item_1", "One")]
    assert told(commit(by_hand, 1000, "first")) == [committed("item_1")]
    assert told(commit(by_hand, 2000, "second")) == [committed("item_2", "item_1")]
    assert told(by_hand.words([word(500, " two.")])) == [delta("item_1", " two.")]
    assert told(by_hand.reached("first"))[-1] == completed("item_1", "One two.", 1.0)
    assert told(by_hand.words([word(1100, " Three.")])) == [delta("item_2", "Three.")]
    assert told(by_hand.reached("second"))[-1] == completed("item_2", "Three.", 1.0)
    assert told(by_hand.words([word(2100, " Four.")])) == [delta("item_3", "Four.")]


def test_pauses_are_nothing_where_the_client_alone_cuts():
    by_hand = items(turn_detection=False)
    assert by_hand.speech("started", 0) == by_hand.speech("stopped", 500) == []


def test_mark_that_a_successor_reaches_again_completes_nothing():
    by_hand = items(turn_detection=False)
    commit(by_hand, 1000, "first")
    commit(by_hand, 2000, "second")
    assert told(by_hand.reached("first")) == [completed("item_1", "", 1.0)]
    assert by_hand.reached("first") == []
    assert told(by_hand.reached("second")) == [completed("item_2", "", 1.0)]


def test_mark_that_was_lost_on_its_way_is_made_good_by_the_next():
    by_hand = items(turn_detection=False)
    commit(by_hand, 1000, "first")
    commit(by_hand, 2000, "second")
    assert [each["item_id"] for each in told(by_hand.reached("second"))] == ["item_1", "item_2"]


def test_commit_in_mid_speech_ends_the_item_and_the_rest_is_another():
    turns = items()
    turns.speech("started", 0)
    turns.words([word(100, " One")])
    assert told(commit(turns, 1000, "first")) == [committed("item_1")]
    assert turns.speech("stopped", 1000) == []  # the mark's own
    assert told(turns.reached("first"))[-1] == completed("item_1", "One", 1.0)
    assert [each["item_id"] for each in told(turns.words([word(1100, " two.")]))] == ["item_2", "item_2"]


@pytest.mark.parametrize(("at_ms", "had"), [(0, "0.00"), (99, "99.00")])
def test_commit_of_next_to_nothing_is_refused_in_the_vendor_s_words(at_ms, had):
    with pytest.raises(Refusal) as refused:
        items().commit(at_ms)
    found = problem(refused.value)
    assert (found.type, found.code) == ("invalid_request_error", "input_audio_buffer_commit_empty")
    assert found.message == (
        "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
        f"but buffer only has {had}ms of audio."
    )


def test_cleared_audio_is_never_told_of():
    by_hand = items(turn_detection=False)
    assert by_hand.clear(1000)
    by_hand.mark("first")
    assert by_hand.words([word(100, " Secret.")]) == []
    assert by_hand.reached("first") == []
    assert told(by_hand.words([word(1100, " Said.")])) == [delta("item_2", "Said.")]


def test_clearing_nothing_needs_no_mark():
    assert not items().clear(0)


def test_end_completes_everything():
    turns = items()
    commit(turns, 1000, "first")
    turns.words([word(0, " One.")])
    turns.reached("first")
    turns.words([word(1500, " Two.")])
    assert told(turns.finish()) == [
        committed("item_2", "item_1"),
        segment("item_2", 1.5, 1.9, "Two."),
        completed("item_2", "Two.", 0.4),
    ]


def test_what_cannot_be_completed_fails_item_by_item():
    turns = items()
    turns.commit(1000)
    turns.clear(2000)
    found = told(turns.fail("transcription_failed"))
    assert [(each["type"], each["item_id"], each["error"]["code"]) for each in found] == [
        ("failed", "item_1", "transcription_failed")
    ]
    assert turns.finish() == []


def test_probabilities_come_where_they_were_asked_for():
    turns = items(with_logprobs=True)
    turns.speech("started", 0)
    (found,) = told(turns.words([word(0, " né", 1.0), word(1, "e", 0.0)]))
    assert found["logprobs"] == [
        {"token": " né", "logprob": 0.0, "bytes": [32, 110, 195, 169]},
        {"token": "e", "logprob": -23.025851, "bytes": [101]},
    ]
    assert len(told(turns.speech("stopped", 1000))[-1]["logprobs"]) == 2


def test_long_item_has_a_segment_for_each_sentence():
    turns = items()
    turns.speech("started", 0)
    text = " This is Dr. Smith. He has 3.5 cats. Good"
    turns.words([word(500 * number, f" {each}") for number, each in enumerate(text.split())], "en")
    found = told(turns.speech("stopped", 9000))
    assert [each["text"] for each in found if each["type"] == "segment"] == [
        "This is Dr. Smith.",
        "He has 3.5 cats.",
        "Good",
    ]
