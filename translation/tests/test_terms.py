"""Terms of a talk in its translations: found, kept, put in, and given up rather than put wrongly."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.glossary import parse
from translation.context import Context
from translation.engines.base import TIMEOUT, EngineError, Pair
from translation.terms import Wanted, fill, mask, occurrences, placeholder, settle, wanted_in, with_terms
from translation.translate import TranslationCache, translate

LINES = """\
PostgreSQL
Go
kernel = pt: núcleo, de: Kern
kernel module = pt: módulo do núcleo
Borrow Checker = pt-BR: verificador de empréstimos
C++
C
借用检查器 = en: borrow checker
"""
TERMS = parse(LINES).terms
KERNEL = Wanted("kernel", "núcleo")


def found(text: str, target: str = "pt") -> list[tuple[str, str]]:
    return [(text[start:end], each.reads) for start, end, each in occurrences(text, wanted_in(TERMS, target))]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("We go to PostgreSQL.", [("PostgreSQL", "PostgreSQL")]),
        ("We write Go.", [("Go", "Go")]),
        ("Kernel first, kernels never.", [("Kernel", "núcleo")]),
        ("A kernel  module is a module.", [("kernel  module", "módulo do núcleo")]),
        ("The borrow checker and C++, not C.", [("borrow checker", "verificador de empréstimos"), ("C++", "C++"), ("C", "C")]),
        ("我们用借用检查器吗", [("借用检查器", "借用检查器")]),
        ("microkernel", []),
    ],
)  # fmt: skip
def test_terms_are_found_as_whole_words_the_longest_first(text, terms):
    assert found(text) == terms


def test_term_reads_as_its_line_says_for_the_language_or_stays_as_it_is():
    reads = {each.term: each.reads for each in wanted_in(TERMS, "de")}
    assert (reads["kernel"], reads["kernel module"], reads["Go"]) == ("Kern", "kernel module", "Go")
    near = {each.term: each.reads for each in wanted_in(TERMS, "pt")}
    assert near["Borrow Checker"] == "verificador de empréstimos", "a variant is near enough"


@pytest.mark.parametrize(
    ("translated", "settled"),
    [
        ("O núcleo está pronto.", "O núcleo está pronto."),
        ("Núcleo pronto.", "Núcleo pronto."),
        ("O kernel está pronto.", "O núcleo está pronto."),
        ("Kernel pronto.", "Núcleo pronto."),
        ("O caroço está pronto.", None),
        ("Os núcleos estão prontos.", None),
    ],
)
def test_translation_is_settled_where_it_has_the_term_in_either_form(translated, settled):
    assert settle(translated, [KERNEL]) == settled


def test_term_inside_another_is_not_taken_for_itself():
    module = Wanted("kernel module", "módulo do núcleo")
    assert settle("O módulo do núcleo está pronto.", [KERNEL, module]) is None
    assert settle("O módulo do núcleo e o kernel.", [KERNEL, module]) == "O módulo do núcleo e o núcleo."
    assert settle("O kernel module e o kernel.", [KERNEL, module]) == "O módulo do núcleo e o núcleo."


def test_placeholders_come_back_as_terms_or_not_at_all():
    there = occurrences("The kernel, then the kernel module.", wanted_in(TERMS, "pt"))
    one, two = placeholder(0), placeholder(1)
    assert mask("The kernel, then the kernel module.", there) == f"The {one}, then the {two}."
    assert fill(f"O {one} e o {two}.", there) == "O núcleo e o módulo do núcleo."
    assert fill(f"{one} e {two}.", there) == "Núcleo e módulo do núcleo."
    for lost in (f"O {one}.", f"O {one}, {one} e {two}.", f"O {one}s e o {two}.", ""):
        assert fill(lost, there) is None


class ScriptedModel:
    """Translates by its table, else marks; what is masked it has no table for. `loses`: it eats placeholders."""

    name = "scripted-model"
    remote = False

    def __init__(self, table: dict[str, str], *, loses: bool = False, fails: bool = False) -> None:
        self.table, self.loses, self.fails = table, loses, fails
        self.calls: list[list[str]] = []

    def languages(self) -> frozenset[Pair]:
        return frozenset({("en", "pt")})

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        self.calls.append(list(texts))
        if self.fails and len(self.calls) > 1:
            raise EngineError(TIMEOUT)
        return [self._translated(text) for text in texts]

    def _translated(self, text: str) -> str:
        if text in self.table:
            return self.table[text]
        return "X e Q." if self.loses else text.replace("The", "O").replace("is ready", "está pronto")


def translations(model: ScriptedModel, *texts: str, terms: str = LINES) -> list[str | None]:
    context = Context(parse(terms).terms)
    return translate(model, texts, "en", "pt", cache=TranslationCache(), context=context).texts


def test_term_that_the_engine_translates_otherwise_is_put_in_by_a_second_call_for_it_alone():
    model = ScriptedModel({"The kernel is ready.": "O caroço está pronto.", "Thanks.": "Obrigado."})
    assert translations(model, "The kernel is ready.", "Thanks.") == ["O núcleo está pronto.", "Obrigado."]
    assert len(model.calls) == 2
    assert model.calls[1] == [f"The {placeholder(0)} is ready."]


def test_term_that_stays_as_it_is_needs_no_second_call():
    model = ScriptedModel({"PostgreSQL is ready.": "PostgreSQL está pronto."})
    assert translations(model, "PostgreSQL is ready.") == ["PostgreSQL está pronto."]
    assert len(model.calls) == 1


@pytest.mark.parametrize("trouble", ["loses", "fails"])
def test_engine_that_loses_placeholders_keeps_its_own_whole_sentence(trouble):
    model = ScriptedModel({"The kernel is ready.": "O caroço está pronto."}, **{trouble: True})
    assert translations(model, "The kernel is ready.") == ["O caroço está pronto."]


def test_term_of_code_with_a_translation_reads_so():
    model = ScriptedModel({"Call my_table now.": "Chame my_table agora."})
    assert translations(model, "Call my_table now.", terms="my_table = pt: minha_tabela") == [
        "Chame minha_tabela agora."
    ]


def test_nothing_changes_for_texts_without_terms():
    assert with_terms(lambda texts: [f"<{text}>" for text in texts], ["a", "b"], [KERNEL]) == ["<a>", "<b>"]


def test_another_glossary_is_another_translation_and_a_line_for_other_words_is_not():
    model, cache = ScriptedModel({"The kernel is ready.": "O kernel está pronto."}), TranslationCache()

    def with_glossary(terms: str) -> list[str | None]:
        context = Context(parse(terms).terms)
        return translate(model, ["The kernel is ready."], "en", "pt", cache=cache, context=context).texts

    assert with_glossary("") == ["O kernel está pronto."]
    assert with_glossary("kernel = pt: núcleo") == ["O núcleo está pronto."]
    assert with_glossary("kernel = pt: cerne") == ["O cerne está pronto."]
    calls = len(model.calls)
    assert with_glossary("other") == ["O kernel está pronto."]
    assert with_glossary("kernel = pt: núcleo\nother") == ["O núcleo está pronto."]
    assert len(model.calls) == calls


LINE = st.lists(
    st.sampled_from(["a", "kernel", "XQA", "pt: ", "=", " ", ",", "C++", "é", "借用"]), max_size=8
).map("".join)


@given(
    st.lists(LINE, max_size=5).map("\n".join),
    LINE,
    st.sampled_from(["same", "marked", "shuffled", "emptied"]),
)
def test_whatever_the_glossary_and_the_engine_a_translation_has_its_terms_or_is_the_engine_s_own(
    lines, text, how
):
    def translate_them(texts: Sequence[str]) -> list[str]:
        changed = {
            "same": str, "marked": "[pt] {}".format, "shuffled": lambda each: each[::-1], "emptied": lambda each: "",
        }[how]  # fmt: skip
        return [changed(each) for each in texts]

    wanted = wanted_in(parse(lines).terms, "pt")
    [translated] = with_terms(translate_them, [text], wanted)
    assert not any("\ue000" <= char <= "\uf8ff" for char in translated)
    there = [each.reads for _, _, each in occurrences(text, wanted)]
    has_all = all(reads.casefold() in translated.casefold() for reads in there)
    assert has_all or translated == translate_them([text])[0]
