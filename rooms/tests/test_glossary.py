"""A glossary's lines: what they mean, and what is said of one that means nothing."""

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from rooms import glossary
from rooms.glossary import Term, parse
from rooms.words import GLOSSARY_WORDS, glossary_words, valid_glossary


@pytest.mark.parametrize(
    ("line", "term"),
    [
        ("PostgreSQL", Term("PostgreSQL")),
        ("  borrow   checker \r", Term("borrow checker")),
        ("term = pt: termo, de: Begriff", Term("term", (("pt", "termo"), ("de", "Begriff")))),
        ("term=pt: termo", Term("term=pt: termo")),
        ("term =pt:termo", Term("term", (("pt", "termo"),))),
        ("E=mc²", Term("E=mc²")),
        ("E=mc² = de: E gleich mc²", Term("E=mc²", (("de", "E gleich mc²"),))),
        ("C++", Term("C++")),
        ("bell, book = pt: sino, livro, de: Glocke", Term("bell, book", (("pt", "sino, livro"), ("de", "Glocke")))),
        ("bus = pt-br: ônibus, ZH-hant: 公車,", Term("bus", (("pt-BR", "ônibus"), ("zh-Hant", "公車")))),
        ("借用检查器 = en: borrow checker", Term("借用检查器", (("en", "borrow checker"),))),
    ],
)  # fmt: skip
def test_line_is_a_term_and_its_translations(line, term):
    found = parse(line.replace(" \r", " \r\n"))
    assert found.problems == ()
    assert found.terms == (term,)
    assert parse(glossary.line_of(term)).terms == (term,)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("term = termo", "no_language"), ("term = termo, de: Begriff", "no_language"), ("term =", "no_translation"),
        ("term = pt:, de: Begriff", "no_translation"), ("= pt: termo", "no_term"), ("…", "no_term"),
        ("term = pt: a, pt: b", "language_twice"), ("x" * 81, "term_too_long"), ("x = pt: " + "y" * 81, "translation_too_long"),
        ("x y" * 101, "line_too_long"), ("te\x00rm", "unprintable"), ("te\ue000rm", "unprintable"),
    ],
)  # fmt: skip
def test_line_that_is_no_term_is_named_with_the_reason(line, code):
    found = parse(f"first\n\n{line}\nlast")
    assert [(problem.line, problem.code) for problem in found.problems] == [(3, code)]
    assert [term.text for term in found.terms] == ["first", "last"]
    with pytest.raises(ValidationError, match="Line 3: "):
        valid_glossary(f"first\n\n{line}\nlast")
    said = glossary_words(found.problems[0])
    assert "{" not in said


def test_every_problem_has_words():
    assert {code for code in GLOSSARY_WORDS if not GLOSSARY_WORDS[code]} == set()
    twice = parse("term\nother\nterm = de: Begriff").problems
    assert [glossary_words(problem) for problem in twice] == ["Line 3: “term” stands in an earlier line."]


def test_glossary_is_bounded_in_lines_and_length():
    many = parse("\n".join(f"term {number}" for number in range(500)))
    assert len(many.terms) == glossary.MOST_LINES
    assert [(problem.line, problem.code) for problem in many.problems] == [
        (glossary.MOST_LINES + 1, "too_many_lines")
    ]
    long = parse("\n".join(f"{number} = de: " + "x" * 80 + ", pt: " + "y" * 80 for number in range(190)))
    assert [problem.code for problem in long.problems] == ["too_long"]
    assert len(long.terms) < 190


def test_terms_are_added_behind_those_that_are_there_and_none_twice():
    assert glossary.with_terms("a = de: b\n", ["c", " a", "c", "d  e", ""]) == "a = de: b\nc\nd e"
    assert glossary.with_terms("", ["c"]) == "c"


@given(st.text(alphabet="ab=:,- \n\r\tptdeé\x00借", max_size=300))
def test_every_text_is_terms_and_problems_and_a_term_s_line_is_read_as_that_term(text):
    found = parse(text)
    assert len(found.terms) + len(found.problems) <= len(text.split("\n"))
    for term in found.terms:
        assert parse(glossary.line_of(term)).terms == (term,)
