"""Numbers, addresses, code words and markup survive a translation that loses them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translation.engines.bergamot import Bergamot
from translation.guard import faithfully, is_plausible, kept, survives


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("It starts at 14:05 in room B-52.", ["14:05", "B-52"]),
        ("It costs $1,299.99 or 12.50 €.", ["1,299.99", "12.50"]),
        ("See https://example.org/a?b=1, or write to a@example.org.", ["https://example.org/a?b=1", "a@example.org"]),
        ("Set max_rooms with --force in getUserMedia.", ["max_rooms", "--force", "getUserMedia"]),
        ("<b>Bold</b>", ["<b>", "</b>"]),
        ("Call `rm -rf` with care.", ["`rm -rf`"]),
        ("We met at 10:30 pm with 3 people.", []),
    ],
)  # fmt: skip
def test_what_must_be_kept(text, items):
    assert kept(text) == items


def test_numbers_may_be_written_with_other_separators():
    assert survives("1,299.99", "custa 1.299,99 euros")
    assert survives("100,000", "cerca de 100 mil pessoas")
    assert not survives("22,500", "a 2500 por onça")


def test_what_a_translation_lost_is_put_back_in_its_place():
    def forgetful(texts):
        return [text.upper().replace("HTTPS://EXAMPLE.ORG/A", "").replace("B-52", "") for text in texts]

    assert faithfully(forgetful, ["see https://example.org/a in room B-52 now", "nothing here"]) == [
        "SEE https://example.org/a IN ROOM B-52 NOW",
        "NOTHING HERE",
    ]


@given(
    st.lists(
        st.sampled_from(["14:05", "<i>", "word", "a_b", "12.50", "https://x.org/y", "B-52"]), max_size=12
    )
)
def test_whatever_an_engine_forgets_every_kept_item_stands_in_the_result(words):
    text = " ".join(words)
    translated = faithfully(lambda texts: ["…" for _ in texts], [text])[0]
    assert all(survives(item, translated) for item in kept(text))


def test_a_loop_or_nothing_is_no_translation():
    assert is_plausible("So we use it.", "Então usamos.")
    assert is_plausible("…", "")
    assert not is_plausible("So we use it.", " ")
    assert not is_plausible("So we use it.", "e " * 200)


@pytest.mark.parametrize(
    "text",
    [
        "The talk starts at 14:05 and ends at 15:30.",
        "See https://example.org/path?x=1&y=2 for details.",
        "Write to info@example.org or call +49 30 1234567.",
        "Run git push --force-with-lease on branch main.",
        "Set max_active_rooms to 25 in settings.py.",
        "We use H264 in room B-52 and getUserMedia.",
        "<b>Bold</b> text and more <i>here</i>.",
        "My name is Karlheinz Müller and I come from Gütersloh.",
        "USD 1,234.56 is 3.75% of 42,000.",
    ],
)
def test_bergamot_keeps_times_prices_addresses_names_and_code_words(text):
    bergamot = Bergamot()
    translated = faithfully(lambda texts: bergamot.translate(texts, "en", "pt"), [text])[0]
    assert all(survives(item, translated) for item in kept(text))
    assert ("Müller" in text) == ("Müller" in translated)
    assert translated != text


@pytest.mark.parametrize(
    "text", ["x" * 20_000, "A1-" * 8000, "a_" * 8000, "<" * 20_000, "1," * 9000, "a@" * 9000]
)
def test_hostile_text_costs_little(text):
    began = time.process_time()
    kept(text)
    assert time.process_time() - began < 1
