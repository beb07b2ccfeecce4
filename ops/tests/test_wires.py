"""Clients of the wires without a room hear what was said, and what they lost, heard twice or waited for is counted."""

from __future__ import annotations

import asyncio
import math

import pytest

from gateways.meetings.tests.signed import token
from ops.bench.wires import place_of, queue_row, since_speech, word_waits_ms
from ops.faults.stack import Stack
from ops.faults.wires import kept
from ops.measure.score import Seen
from ops.wire_clients import WIRES, Notes, Place, noise

SOCKETS = sorted(set(WIRES) - {"grpc", "grpc older"})  # the shared stack has no ports for the others


def heard(*moments: tuple[float, str, str], chunks: int = 20) -> Notes:
    """A speaker who sent a chunk each tenth of a second, from 100.0 on."""
    notes = Notes(sent_s=[100 + number / 10 for number in range(chunks)])
    notes.seen = [Seen(at_s, final, shown) for at_s, final, shown in moments]
    notes.final = notes.seen[-1].final if notes.seen else ""
    return notes


def test_a_word_waits_from_its_last_sample_to_its_first_showing() -> None:
    notes = heard(
        (0.45, "", "S0001w1"),
        (1.0, "", "S0001w1 s0001w2"),
        (2.4, "S0001w1 s0001w2", "S0001w1 s0001w2 s0001w3"),
    )
    assert {slot: round(wait) for slot, wait in word_waits_ms(notes).items()} == {0: 50, 1: 100, 2: 1000}


def test_a_word_in_a_long_message_waits_from_the_message_on() -> None:
    notes = heard((0.3, "", "S0001w1 s0001w2 s0001w3"), chunks=3)
    notes.chunk_s, notes.sent_s = 1.0, [100.0, 100.2, 100.25]
    assert {slot: round(wait) for slot, wait in word_waits_ms(notes).items()} == {0: 300, 1: 300, 2: 100}


def test_words_of_sound_that_was_not_sent_are_not_expected() -> None:
    row = queue_row("few", "grpc", [heard((0.5, "", "S0001w1 s0001w2"), chunks=10), heard(chunks=7)])
    assert (row.speakers, row.words, row.missing) == (2, 2, 1)
    assert math.isnan(row.p95_ms)  # all of them while sessions began


def test_what_is_confirmed_counts_once_and_what_is_tentative_not_at_all() -> None:
    notes = Notes(sent_s=[0.0])
    notes.tell(final="S0001w1 s0001w2", tentative="s0001w3")
    notes.tell(final=" s0001w2")
    row = kept("a fault", "a wire", notes, 2.0, again=True)
    assert (row.confirmed, row.lost, row.doubled, row.harmless) == (2, 2, 1, False)


def test_a_client_that_was_cut_off_has_lost_nothing_that_was_promised() -> None:
    notes = Notes(sent_s=[0.0], ended="1012")
    notes.tell(final="S0001w1")
    assert kept("a fault", "a wire", notes, 2.0, again=True).harmless
    assert not kept("a fault", "a wire", notes, 2.0, again=False).harmless


def test_sound_is_sent_when_it_has_been_spoken() -> None:
    assert [moment.at_s for moment in since_speech(heard((0.4, "a", "a")))] == [0.5]


@pytest.mark.stack
@pytest.mark.parametrize("wire", SOCKETS)
async def test_the_client_of_each_wire_hears_every_word_once(shared_stack: Stack, wire: str) -> None:
    signed_in = await asyncio.to_thread(place_of, shared_stack, "en", (0, 0))
    place = Place(signed_in.web_port, (0, 0), signed_in.key, "en", meeting_token=token())
    (notes,) = await WIRES[wire](place, 1).run([noise(2.3)])  # its end is no word's: a resampled one rings on
    row = kept("none", wire, notes, 2.3, again=True)
    assert (row.confirmed, row.lost, row.doubled, row.ended) == (5, 0, 0, "")
