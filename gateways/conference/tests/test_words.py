"""Errors have codes and parameters; the words are this wire's own."""

import ast
import json
import re
from pathlib import Path

import pytest

from config.env import BASE_DIR
from gateways.conference import words
from rooms.errors import BadInput, NotFound

GOLDEN = Path(__file__).parent / "golden"
CALLED = (
    "gateways/conference",
    "rooms/access.py",
    "rooms/throttle.py",
    "transcripts/selectors.py",
    "asr/rooms",
)
FOR_OUR_PAGES = {  # they have words of their own
    "asr/rooms/messages.py", "asr/rooms/operating.py", "asr/rooms/pen.py", "asr/rooms/withdrawal.py",
}  # fmt: skip


def test_an_operator_s_message_is_shown_as_it_was_written():
    shown = words.host_message("operator_message", {"id": "7", "text": "Louder {please}"})
    assert shown == "Louder {please}"


def test_a_host_s_page_shows_the_golden_texts():
    expected = json.loads((GOLDEN / "host_errors.json").read_text("utf-8"))
    problems = {name: name.partition(" ")[2] for name in expected}
    assert {
        name: words.host_message(name.partition(" ")[0], {"problem": problem} if problem else {})
        for name, problem in problems.items()
    } == expected
    assert {name.partition(" ")[0] for name in expected} == set(words.HOST_MESSAGES)


def test_the_same_refusal_reads_differently_over_http_and_at_a_socket():
    error = NotFound("room_not_found", room="A <b> {c}")
    assert words.detail(error) == "There is no such room"
    assert words.close_reason(error) == "Room <A <b> {c}> not found"


def test_what_has_no_words_is_told_by_its_code_over_http_and_not_at_all_by_a_socket():
    error = BadInput("something_new", what="x")
    assert (words.detail(error), words.close_reason(error)) == ("something_new", None)


@pytest.mark.parametrize("place", CALLED)
def test_every_refusal_that_an_http_client_or_a_host_can_meet_has_words(place):
    known = {**words.DETAILS, **words.CLOSE_REASONS, **words.HOST_MESSAGES}
    raised = re.compile(
        r"\b(?:DomainError|NotFound|Forbidden|Unauthenticated|Conflict|BadInput|NoCapacity|BodyTooLarge|HostError)"
        r"\(\s*\"(\w+)\""
    )
    sources = [BASE_DIR / place, *(BASE_DIR / place).rglob("*.py")]
    ours = [path for path in sources if path.suffix == ".py" and "tests" not in path.parts]
    ours = [path for path in ours if str(path.relative_to(BASE_DIR)) not in FOR_OUR_PAGES]
    codes = {code for path in ours for code in raised.findall(path.read_text("utf-8"))}
    assert codes
    assert codes - set(known) == set()


@pytest.mark.parametrize("folder", ["rooms", "transcripts", "asr"])
def test_no_words_of_this_wire_are_left_in_the_apps_below(folder):
    texts = [*words.DETAILS.values(), *words.CLOSE_REASONS.values(), *words.HOST_MESSAGES.values()]
    texts += [because.lstrip(": ") for because in words.UNDECODABLE_BECAUSE.values()]
    sources = [path for path in (BASE_DIR / folder).rglob("*.py") if "tests" not in path.parts]
    pieces = [piece for text in texts for piece in re.split(r"\{\w+\}", text) if len(piece) > 12]
    written = {(str(source), said) for source in sources for said in strings(source.read_text("utf-8"))}
    assert [(source, piece) for source, said in written for piece in pieces if piece in said] == []


def strings(source):
    """The string literals of a module, without what only documents."""
    nodes = list(ast.walk(ast.parse(source)))
    documentation = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    literals = (node for node in nodes if isinstance(node, ast.Constant) and id(node) not in documentation)
    return {literal.value for literal in literals if isinstance(literal.value, str)}
