"""Newest first, never more than the pace, never older than the newest, fair to rooms and languages."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from translation.pacing import (
    Call,
    Candidate,
    Pace,
    Spoken,
    allowance,
    backoff_s,
    choose,
    missing,
    next_batch,
    pick,
    said_before,
)

PACES = st.builds(
    Pace,
    per_cycle=st.integers(1, 8),
    cycle_s=st.floats(0.1, 5),
    newest=st.integers(1, 30),
)
TALKS = st.lists(st.integers(1, 3), max_size=60).map(
    lambda versions: [Spoken((1, index), version) for index, version in enumerate(versions)]
)
TRANSLATED = st.dictionaries(st.integers(0, 60).map(lambda index: (1, index)), st.integers(1, 3))


@given(TALKS, TRANSLATED, PACES, st.integers(-1, 10))
def test_newest_first_within_the_newest_and_never_more_than_allowed(spoken, translated, pace, allowed):
    chosen = choose(spoken, translated, pace=pace, allowed=allowed)
    assert len(chosen) <= max(0, min(allowed, pace.per_cycle))
    assert chosen == sorted(chosen, key=lambda item: item.key, reverse=True)
    corrected = {item for item in spoken if translated.get(item.key, item.version) != item.version}
    assert set(chosen) <= {*spoken[-pace.newest :], *corrected}
    older = [item for item in missing(spoken[-pace.newest :], translated) if item not in chosen]
    assert not chosen or all(item.key < chosen[-1].key for item in older)


@given(TALKS, TRANSLATED, PACES)
def test_only_what_lacks_a_translation_of_its_present_text(spoken, translated, pace):
    chosen = choose(spoken, translated, pace=pace, allowed=100)
    assert all(translated.get(item.key) != item.version for item in chosen)


@given(TALKS, PACES)
def test_nothing_is_chosen_when_everything_is_translated(spoken, pace):
    assert not choose(spoken, {item.key: item.version for item in spoken}, pace=pace, allowed=100)


@given(TALKS, TRANSLATED, PACES)
def test_call_by_call_the_window_is_completed_and_nothing_is_chosen_twice(spoken, translated, pace):
    done, chosen_ever = dict(translated), []
    while chosen := choose(spoken, done, pace=pace, allowed=pace.per_cycle):
        chosen_ever += chosen
        done.update({item.key: item.version for item in chosen})
    assert len(set(chosen_ever)) == len(chosen_ever)
    assert not missing(spoken[-pace.newest :], done)


@given(st.lists(st.tuples(st.floats(0, 20), st.integers(1, 20)), max_size=60), PACES)
def test_no_stretch_of_a_cycles_length_holds_more_than_a_cycles_worth(wishes, pace):
    calls: list[Call] = []
    for at, wish in sorted(wishes):
        allowed, wait_s = allowance(calls, now=at, pace=pace)
        assert (allowed == 0) == (wait_s > 0)
        if count := min(wish, allowed):
            calls.append(Call(at, count))
    for item in calls:
        within = [other.count for other in calls if 0 <= other.at - item.at < pace.cycle_s]
        assert sum(within) <= pace.per_cycle


@given(st.lists(st.integers(1, 4), min_size=1, max_size=8), PACES)
def test_after_the_wait_more_is_allowed(counts, pace):
    calls = [Call(100.0 - index * 0.01, count) for index, count in enumerate(counts)]
    allowed, wait_s = allowance(calls, now=100.0, pace=pace)
    if not allowed:
        later, _ = allowance(calls[-1:], now=calls[-1].at + pace.cycle_s + 1e-6, pace=pace)
        assert later == pace.per_cycle
        assert wait_s <= pace.cycle_s + 0.001


def _sizes(call_s, calls: int, most: int = 4) -> list[int]:
    """The sizes of one call after the other, of an engine that takes `call_s(size)`; more always waits."""
    batch, sizes = 1, []
    for _ in range(calls):
        sizes.append(batch)
        batch = next_batch(batch, count=batch, seconds=call_s(batch), most=most)
    return sizes


def test_an_engine_with_a_fixed_cost_a_call_is_given_as_much_as_a_cycle_holds():
    assert _sizes(lambda size: 0.8, 5) == [1, 2, 4, 4, 4]
    assert _sizes(lambda size: 0.8, 6, most=16) == [1, 2, 4, 8, 16, 16]


def test_an_engine_that_takes_long_for_each_sentence_is_given_few():
    assert max(_sizes(lambda size: 0.6 * size, 20)) == 2
    assert set(_sizes(lambda size: 1.5 * size, 20)) == {1}


def test_a_call_that_was_not_full_says_nothing_of_a_larger_one():
    assert next_batch(2, count=1, seconds=0.1, most=4) == 2
    assert next_batch(4, count=2, seconds=1.1, most=4) == 1


@given(st.integers(1, 32), st.integers(1, 32), st.floats(0, 60), st.integers(1, 32))
def test_a_batch_is_one_at_least_and_never_more_than_a_cycles_worth(batch, count, seconds, most):
    assert (
        1 <= next_batch(batch, count=min(count, batch), seconds=seconds, most=most) <= max(most, batch // 2)
    )


def _serve(langs_by_room: dict[int, int], rounds: int) -> Counter[tuple[int, str]]:
    candidates = [
        Candidate(pk=room * 100 + number, room=room, lang=str(number), due_at=0.0)
        for room, count in langs_by_room.items()
        for number in range(count)
    ]
    served: Counter[tuple[int, str]] = Counter()
    for at in range(1, rounds + 1):
        [[chosen]] = pick(candidates, now=float(at))
        served[chosen.room, chosen.lang] += 1
        candidates = [
            replace(item, begun_at=float(at)) if item.pk == chosen.pk else item for item in candidates
        ]
    return served


@given(st.dictionaries(st.integers(1, 6), st.integers(1, 9), min_size=1), st.integers(1, 80))
def test_every_room_and_every_language_in_it_gets_its_calls_however_many_the_others_have(langs, rounds):
    served = _serve(langs, rounds)
    rooms = [sum(count for (room, _), count in served.items() if room == wanted) for wanted in langs]
    assert max(rooms) - min(rooms) <= 1
    for room, count in langs.items():
        shares = [served[room, str(number)] for number in range(count)]
        assert max(shares) - min(shares) <= 1


def test_a_room_with_nine_languages_does_not_starve_another():
    served = _serve({1: 9, 2: 1}, 18)
    assert served[2, "0"] == 9


def test_live_rooms_come_before_parts_that_ended():
    background = Candidate(1, room=1, lang="de", due_at=0.0, background=True)
    live = Candidate(2, room=2, lang="de", due_at=5.0, begun_at=5.0)
    assert pick([background, live], now=6.0) == [[live]]
    assert pick([background, replace(live, due_at=None)], now=6.0) == [[background]]


def test_what_is_claimed_or_not_due_is_left_alone():
    assert (
        pick([Candidate(1, 1, "de", due_at=0.0, claimed=True), Candidate(2, 1, "fr", due_at=9.0)], now=5.0)
        == []
    )


def test_who_waits_for_an_engine_that_is_busy_holds_up_nobody_who_waits_for_another():
    slow = [Candidate(number, room=number, lang="de", due_at=0.0, engine="remote") for number in range(1, 4)]
    quick = [
        Candidate(number, room=number, lang="pt", due_at=1.0, engine="local") for number in range(11, 14)
    ]
    assert pick([*slow, *quick], now=2.0, most=9, free={"remote": 0, "local": 2}) == [
        [item] for item in quick[:2]
    ]
    assert pick([*slow, *quick], now=2.0, most=9, free={"remote": 1, "local": 1}) == [[slow[0]], [quick[0]]]


def test_quick_jobs_of_a_room_and_engine_are_grouped_and_no_others():
    quick = [
        Candidate(number, room=1, lang=str(number), due_at=0.0, quick=True, engine="a") for number in range(3)
    ]
    others = [
        Candidate(11, room=1, lang="slow", due_at=0.0, engine="a"),
        Candidate(12, room=1, lang="elsewhere", due_at=0.0, quick=True, engine="b"),
        Candidate(13, room=2, lang="0", due_at=0.0, quick=True, engine="a"),
        Candidate(14, room=1, lang="ended", due_at=0.0, quick=True, engine="a", background=True),
        Candidate(15, room=1, lang="later", due_at=9.0, quick=True, engine="a"),
    ]
    groups = pick([*quick, *others], now=1.0, most=9)
    assert quick in groups
    assert sorted(group[0].pk for group in groups if len(group) == 1) == [11, 12, 13, 14]


@given(st.dictionaries(st.integers(1, 6), st.integers(1, 9), min_size=1), st.integers(1, 20))
def test_several_are_picked_in_the_order_in_which_they_would_be_one_by_one(langs, most):
    candidates = [
        Candidate(pk=room * 100 + number, room=room, lang=str(number), due_at=0.0)
        for room, count in langs.items()
        for number in range(count)
    ]
    picked = [item for [item] in pick(candidates, now=1.0, most=most)]
    assert len(picked) == min(most, len(candidates))
    rooms = Counter(item.room for item in picked)
    full = [room for room, count in langs.items() if rooms[room] < count]
    assert max(rooms.values()) - min((rooms[room] for room in full), default=max(rooms.values())) <= 1


@given(st.integers(0, 10_000), st.floats(0, 1), st.floats(0.5, 60))
def test_the_pause_after_failures_grows_to_its_bound_and_never_vanishes(failures, chance, most_s):
    assert 0.1 < backoff_s(failures, most_s=most_s, chance=chance) <= most_s


def test_what_was_said_before_is_whole_sentences_of_the_same_language_and_bounded():
    talk = [Spoken((1, n), 1, f"Sentence {n}.", "de" if n == 3 else "en") for n in range(6)]
    assert said_before(talk, talk[0]) == ""
    assert said_before(talk, talk[5]) == "Sentence 0. Sentence 1. Sentence 2. Sentence 4."
    long = [Spoken((1, n), 1, "x" * 150, "en") for n in range(6)]
    assert said_before(long, long[5]) == f"{'x' * 150} {'x' * 150}"
