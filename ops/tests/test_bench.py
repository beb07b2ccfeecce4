"""What a measured viewer has before the eyes, and many rooms at once."""

import json

import pytest
from django.core.management import CommandError, call_command

from gateways.conference.client.viewer import Caption, Viewer
from ops.bench import load
from ops.bench.recogniser import CaptionsReader, ConferenceReader


def sentence(text, index, lang="en", at_s=1.0):
    return Caption(at_s, text, lang, (0, index))


def test_sentences_are_final_what_stands_behind_them_is_only_shown_and_a_chunk_is_read_at_once():
    reader, viewer = ConferenceReader("en"), Viewer()
    said = {"line_idx": 0, "sentences": [{"sent_idx": 0, "content": {"en": "Good morning."}}]}
    for at_s, (lines, incomplete) in enumerate([([], "Good mor"), ([said], "Wel"), ([said], "")]):
        for caption in viewer.add_chunk(
            json.dumps({"last_n_sents": lines, "incomplete_sentence": incomplete})
        ):
            reader.on_caption(float(at_s), caption)

    assert [(seen.at_s, seen.final, seen.shown) for seen in reader.seen] == [
        (0.0, "", "Good mor"),
        (1.0, "Good morning.", "Good morning. Wel"),
        (2.0, "Good morning.", "Good morning."),
    ]


def test_a_sentence_that_changes_is_seen_to_change():
    reader = ConferenceReader("en")

    reader.on_caption(1.0, sentence("One.", 0))
    reader.on_caption(2.0, sentence("Two.", 0))

    assert [seen.final for seen in reader.seen] == ["One.", "Two."]


def test_translations_are_not_what_was_spoken():
    reader = ConferenceReader("en")

    reader.on_caption(1.0, sentence("Bom dia.", 0, lang="pt"))

    assert reader.seen == []


def spoken(index, text, lang="en"):
    return {"type": "sentence", "lang": lang, "part": 1, "index": index, "text": text}


def unfinished(index, confirmed, tentative):
    where = {"lang": "en", "part": 1, "index": index}
    return {"type": "partial", **where, "confirmed": confirmed, "tentative": tentative}


def test_on_the_native_wire_confirmed_words_are_final_and_stored_ones_durable():
    reader = CaptionsReader("en")
    for at_s, message in enumerate(
        (
            unfinished(0, "Good ", "mor"),
            spoken(0, "Good morning."),
            unfinished(1, "", "Wel"),
            unfinished(1, "Welcome ", "to"),
            spoken(1, "Welcome to all."),
            unfinished(1, "Welcome ", "late"),  # of a sentence that has come: nothing is shown of it
            spoken(0, "Guten Morgen.", lang="de"),
            {"type": "state", "state": "closed"},
        )
    ):
        reader.take(float(at_s), message)

    assert [(seen.at_s, seen.final, seen.shown) for seen in reader.words] == [
        (0.0, "Good", "Good mor"),
        (1.0, "Good morning.", "Good morning."),
        (2.0, "Good morning.", "Good morning. Wel"),
        (3.0, "Good morning. Welcome", "Good morning. Welcome to"),
        (4.0, "Good morning. Welcome to all.", "Good morning. Welcome to all."),
        (5.0, "Good morning. Welcome to all.", "Good morning. Welcome to all."),
    ]
    assert [seen.final for seen in reader.stored] == [
        "",
        *["Good morning."] * 3,
        *["Good morning. Welcome to all."] * 2,
    ]


def test_what_comes_within_a_frame_of_the_screen_is_read_at_once():
    reader = CaptionsReader("en")
    for at_s, message in (
        (1.0, unfinished(0, "Good morning. ", "Wel")),
        (2.0, spoken(0, "Good morning.")),
        (2.001, unfinished(1, "", "Wel")),
        (2.1, unfinished(1, "Welcome", "")),
    ):
        reader.take(at_s, message)

    assert [(seen.at_s, seen.final, seen.shown) for seen in reader.words] == [
        (1.0, "Good morning.", "Good morning. Wel"),
        (2.0, "Good morning.", "Good morning. Wel"),
        (2.1, "Good morning. Welcome", "Good morning. Welcome"),
    ]
    assert [seen.at_s for seen in reader.stored] == [1.0, 2.0, 2.1]


@pytest.mark.stack
def test_in_several_rooms_at_once_everything_is_translated_and_messages_do_not_pile_up():
    found = load.measure(rooms=4, langs=3, seconds=6.0)
    assert (found.sentences, found.translated_share) == (8, 1.0)
    assert found.queue_max <= 5
    assert 0 < found.p50_s <= found.p95_s <= found.worst_s


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--policy", "alignatt"], "--policy alignatt: needs --backend onnxruntime or torch"),
        (["--backend", "torch"], "requirements-torch.txt|with --no-offline"),
    ],
)
def test_a_measurement_that_a_backend_cannot_make_is_refused_with_what_it_needs(options, reason):
    with pytest.raises(CommandError, match=reason):
        call_command("bench_asr", "talk.json", *options)
