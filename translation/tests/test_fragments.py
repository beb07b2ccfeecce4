"""Sentences that a pause cut in two: what the second reads as."""

from __future__ import annotations

import pytest

from translation import due
from translation.engines.bergamot import Bergamot
from translation.fragments import asked_for, is_unfinished, own_part, unfinished_before
from translation.pacing import Spoken
from translation.tests.make import demand, read, say, spoken_part
from translation.work import work_next


@pytest.mark.parametrize(
    ("text", "unfinished"),
    [
        ("You must not", True), ("You must not,", True), ("Thank you.", False), ('He said "no!"', False),
        ("为什么？", False), ("", False), ("word " * 100, False),
    ],
)  # fmt: skip
def test_a_sentence_without_an_end_is_unfinished_unless_it_is_a_long_one(text, unfinished):
    assert is_unfinished(text) == unfinished


def spoken(index: int, text: str, *, part: int = 1, line: int = 0, lang: str = "en") -> Spoken:
    return Spoken((part, index), 1, text, lang, line=line)


def test_what_follows_an_unfinished_sentence_of_the_same_line_goes_on_with_it():
    item = spoken(2, "restart it.")
    assert unfinished_before([spoken(0, "So"), spoken(1, "You must not"), item], item) == "You must not"
    for before in (
        spoken(1, "You must not."), spoken(1, "You must not", line=1), spoken(1, "You must not", part=0),
        spoken(1, "You must not", lang="de"),
    ):  # fmt: skip
        assert unfinished_before([spoken(0, "So"), before, item], item) == ""
    assert unfinished_before([item, spoken(3, "And")], item) == ""


def test_the_second_reads_as_its_part_of_both_together():
    assert asked_for("restart it.", "You must not") == [
        "restart it.",
        "You must not",
        "You must not restart it.",
    ]
    assert own_part(["Reinicie-o.", "Você não deve.", "Não deve reiniciá-lo."]) == "reiniciá-lo."


@pytest.mark.parametrize(
    "translations",
    [
        ["Sozinho."], ["Sozinho.", None, "Os dois juntos."], ["Sozinho.", "Outra coisa", None],
        ["Sozinho.", "Outra coisa mesmo assim", "Os dois juntos."],  # nobody can tell where it begins
        ["Sozinho.", "Os dois juntos", "Os dois juntos."],  # nothing is left for it
    ],
)  # fmt: skip
def test_where_its_part_cannot_be_told_it_reads_as_it_does_alone(translations):
    assert own_part(translations) == "Sozinho."
    assert own_part([None, *translations[1:]]) is None


def test_an_order_is_not_made_of_its_opposite():
    """By a real engine."""
    engine = Bergamot()
    alone, first, both = engine.translate(asked_for("restart the database.", "You must not"), "en", "pt")
    assert alone.split()[0].startswith("reinici") or alone.split()[0].startswith("Reinici")
    assert own_part([alone, first, both]) == "reiniciar o banco de dados."


@pytest.mark.django_db
def test_a_worker_translates_the_second_behind_the_first(env):
    env(translation_engines=["bergamot"], translation_cycle_s=0.001)
    part = spoken_part()
    say(part, "You must not", "restart the database.", "Thank you.")
    demand(part, "pt")
    for _ in range(4):
        due.find()
        work_next("test")
    translated = read(part, "pt")
    assert len(translated) == 3
    assert translated[1] == "reiniciar o banco de dados."
