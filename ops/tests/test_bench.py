"""What a measured viewer has before the eyes, and many rooms at once."""

import pytest
from django.core.management import CommandError, call_command

from gateways.conference.client.viewer import Caption
from ops.bench import load
from ops.bench.recogniser import Reader


def sentence(text, index, lang="en", at_s=1.0):
    return Caption(at_s, text, lang, (0, index))


def incomplete(text, at_s=1.0):
    return Caption(at_s, text, "", None)


def test_sentences_are_final_and_what_stands_behind_them_is_only_shown():
    reader = Reader("en")

    reader.on_caption(1.0, incomplete("Good mor"))
    reader.on_caption(2.0, sentence("Good morning.", 0))
    reader.on_caption(2.0, incomplete("Wel"))

    assert [(seen.at_s, seen.final, seen.shown) for seen in reader.seen] == [
        (1.0, "", "Good mor"),
        (2.0, "Good morning.", "Good morning."),
        (2.0, "Good morning.", "Good morning. Wel"),
    ]


def test_a_sentence_that_changes_is_seen_to_change():
    reader = Reader("en")

    reader.on_caption(1.0, sentence("One.", 0))
    reader.on_caption(2.0, sentence("Two.", 0))

    assert [seen.final for seen in reader.seen] == ["One.", "Two."]


def test_translations_are_not_what_was_spoken():
    reader = Reader("en")

    reader.on_caption(1.0, sentence("Bom dia.", 0, lang="pt"))

    assert reader.seen == []


@pytest.mark.stack
def test_in_several_rooms_at_once_everything_is_translated_and_messages_do_not_pile_up():
    found = load.measure(rooms=4, langs=3, seconds=6.0)
    assert (found.sentences, found.translated_share) == (8, 1.0)
    assert found.queue_max <= 5
    assert 0 < found.p50_s <= found.p95_s <= found.worst_s


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--policy", "alignatt"], "--policy alignatt: needs --backend torch"),
        (["--backend", "torch"], "requirements-torch.txt|with --no-offline"),
    ],
)
def test_a_measurement_that_a_backend_cannot_make_is_refused_with_what_it_needs(options, reason):
    with pytest.raises(CommandError, match=reason):
        call_command("bench_asr", "talk.json", *options)
