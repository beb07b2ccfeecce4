"""A rehearsal: the schedule on its clock, the plan of what goes wrong, the score; and a tiny one with everything that there is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ops.management.commands.rehearse import SAMPLE
from ops.measure.talk import ReferenceWord, Talk
from ops.rehearsal.mishaps import EVERYBODYS, KINDS, SUDDEN, Mishap, plan_mishaps
from ops.rehearsal.programme import UTC, Programme, moved, programme_of, schedule_of
from ops.rehearsal.run import Rehearsal, rehearse
from ops.rehearsal.score import Heard, StoredSentence, cost_s, longest_pause, score, scripted
from ops.rehearsal.stage_sound import noise, recognised
from rooms.schedule import parse_schedule

BEGAN_AT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def sample() -> Programme:
    return programme_of(SAMPLE.read_bytes(), speed=60)


def test_two_days_of_five_halls_pass_in_less_than_twenty_minutes(sample: Programme) -> None:
    assert len(sample.halls) == 5
    assert len(sample.talks) == 64
    assert 15 * 60 < sample.seconds < 20 * 60
    assert sum(not talk.recorded for talk in sample.talks) == 1
    assert sum(talk.language == "de" for talk in sample.talks) == 2
    first = min(sample.talks, key=lambda talk: talk.starts_s)
    assert first.seconds == 30  # half an hour
    assert f"{sample.timeline.moment(first.starts_s):%H:%M}" == "10:00"  # as the schedule says
    ends = [sample.timeline.seconds(sample.timeline.moment(at_s)) for at_s in (10.0, 500.0, 900.0)]
    assert ends == pytest.approx([10.0, 500.0, 900.0])


def test_what_the_importer_reads_is_the_run_s_clock(sample: Programme) -> None:
    document = schedule_of(sample, sample.talks, began_at=BEGAN_AT, version=3)
    read = {talk.code: talk for talk in parse_schedule(document, zone=UTC).talks}
    assert read.keys() == {talk.code for talk in sample.talks}
    for talk in sample.talks:
        there = read[talk.code]
        assert (there.starts_at - BEGAN_AT).total_seconds() == pytest.approx(talk.starts_s, abs=0.001)
        assert (there.ends_at - there.starts_at).total_seconds() == talk.seconds
        assert (there.location, there.language, there.recording == "allowed") == (
            talk.hall,
            talk.language,
            talk.recorded,
        )


def test_part_of_the_event_is_its_first_halls_and_hours() -> None:
    part = programme_of(SAMPLE.read_bytes(), speed=60, halls=2, most_s=120)
    assert part.halls == ["Aurora", "Birch"]
    assert part.talks
    assert all(talk.ends_s <= 120 for talk in part.talks)
    with pytest.raises(ValueError, match="no talk"):
        programme_of(SAMPLE.read_bytes(), speed=60, most_s=1)


@pytest.mark.parametrize("seed", range(20))
def test_every_mishap_finds_its_talk_and_none_two_that_change_the_schedule(
    sample: Programme, seed: int
) -> None:
    plan = plan_mishaps(sample.talks, seed=seed, every_s=20)
    talks = {talk.code: talk for talk in sample.talks}
    assert {mishap.kind for mishap in plan} == set(KINDS)
    assert plan == plan_mishaps(sample.talks, seed=seed, every_s=20)
    assert [mishap.at_s for mishap in plan] == sorted(mishap.at_s for mishap in plan)
    for mishap in plan:
        talk = talks[mishap.talk]
        assert talk.recorded
        if mishap.kind in SUDDEN:
            assert talk.starts_s < mishap.at_s < talk.ends_s
        if mishap.kind in ("talk-moves", "hall-changes"):
            after = moved(sample.talks, mishap.talk, by_s=mishap.seconds, hall=mishap.hall)
            changed = next(each for each in after if each.code == mishap.talk)
            beside = [each for each in after if each.hall == changed.hall and each.code != mishap.talk]
            assert all(each.ends_s <= changed.starts_s or each.starts_s >= changed.ends_s for each in beside)
    assert set(SUDDEN) > EVERYBODYS
    sudden = [mishap.at_s for mishap in plan if mishap.kind in SUDDEN]
    assert all(later - earlier > 10 for earlier, later in pairwise(sudden))


def a_talk(words: Sequence[Sequence[int]], *, seconds: int = 10, **fields: Any) -> Heard:
    """Ten seconds of sound at twice its speed, and this text."""
    rows = [
        StoredSentence(1, index, (index + 1) * 2000, " ".join(f"s{word // 4 + 1:04}w{word % 4 + 1}" for word in each), 3.0)
        for index, each in enumerate(words)
    ]  # fmt: skip
    heard = [(number / 8, number * 250) for number in range(1, seconds * 4 + 1)]
    return Heard("T", heard, 1, rows, {}, [number / 10 for number in range(50)], **fields)


def test_whole_talk_is_captioned_and_a_word_that_is_missing_or_twice_there_shows() -> None:
    whole = [range(at, at + 4) for at in range(0, 20, 4)]
    assert scripted(a_talk(whole)) == replace(scripted(a_talk(whole)), lost=0, doubled=0)
    assert score(a_talk(whole), scripted).captioned
    holed = score(a_talk([*whole[:2], *whole[3:]]), scripted)
    assert (holed.words.lost, holed.captioned) == (3, False)  # the last word of a recorder may be cut
    assert scripted(a_talk([*whole, whole[2]])).doubled == 4
    typed = a_talk([*whole[:2], *whole[3:]], typed_ms=((4000, 6000),))
    assert scripted(typed).lost == 0


def test_a_room_that_is_still_for_a_minute_or_fails_needed_somebody() -> None:
    whole = [range(at, at + 4) for at in range(0, 20, 4)]
    assert not score(a_talk(whole), scripted).needed_somebody
    assert score(a_talk(whole, session_failed=True), scripted).needed_somebody
    long = a_talk(whole, seconds=200)
    assert score(long, scripted).needed_somebody
    assert longest_pause([1.0, 2.0, 5.0], 0.5, 6.0) == 3.0
    assert cost_s([1.0, 2.0, 5.0, 6.0, 10.0], 2.5, (0.0, 9.0)) == 3.0


def test_delay_counts_from_the_last_word_of_a_sentence_to_who_waited_for_it() -> None:
    talk = a_talk([range(4)])
    text = talk.stored[0].text
    (delay,) = score(replace(talk, arrivals={(0, text): [3.0]}), scripted).delays_s
    assert delay == pytest.approx(3.0 - 1.0)  # two seconds of sound, twice as fast


def test_of_real_speech_what_was_recorded_counts_and_not_what_was_misheard() -> None:
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    spoken = tuple(
        ReferenceWord(word, number * 1000, number * 1000 + 900) for number, word in enumerate(words)
    )
    talk = Talk("counted", "en", np.zeros(160_000, np.float32), " ".join(words), spoken, ())

    def counted(text: str, *stretches: tuple[int, int], **fields: Any) -> tuple[int, int, int]:
        heard = Heard("T", [(1.0, 10_000)], 1, [StoredSentence(1, 0, 10_000, text, 3.0)], {}, [], **fields)
        found = recognised(talk, list(stretches), heard)
        return found.spoken, found.lost, found.doubled

    assert counted("One too three for five six seven eight nine ten.", (0, 10_000)) == (10, 0, 0)
    assert counted("One two eight nine ten.", (0, 10_000)) == (10, 5, 0)
    assert counted("One two eight nine ten.", (0, 2000), (7000, 10_000)) == (5, 0, 0)
    assert counted("One two three three four five six seven eight nine ten.", (0, 10_000)) == (10, 0, 1)
    assert counted("Nine ten.", (0, 10_000), typed_ms=((0, 1000),)) == (2, 0, 0)  # six seconds more or less


def tiny(folder: Path) -> Path:
    """Three halls, a talk each, one of which must not be recorded."""
    talks = [("HALL1", "One", 0, 8, False), ("HALL2", "Two", 1, 7, False), ("SECRET", "Three", 1, 3, True)]
    rooms: dict[str, list[dict[str, object]]] = {"One": [], "Two": [], "Three": []}
    for code, hall, minute, minutes, secret in talks:
        rooms[hall].append(
            {
                "code": code, "title": f"Talk {code}", "room": hall, "language": "en", "do_not_record": secret,
                "date": f"2030-05-01T10:{minute:02}:00+00:00", "start": f"10:{minute:02}", "duration": f"00:{minutes:02}",
            }
        )  # fmt: skip
    path = folder / "tiny.json"
    path.write_text(json.dumps({"schedule": {"conference": {"days": [{"index": 1, "rooms": rooms}]}}}))
    return path


@pytest.mark.stack
def test_a_rehearsal_loses_no_word_whatever_happens_in_it(tmp_path: Path) -> None:
    programme = programme_of(tiny(tmp_path).read_bytes(), speed=60)
    begins_s = {talk.code: talk.starts_s for talk in programme.talks}
    mishaps = [
        Mishap(begins_s["HALL1"] + 2, "asr-process-killed", "HALL1"),
        Mishap(begins_s["HALL2"] + 2, "host-network-breaks", "HALL2", 1.0),
        Mishap(begins_s["HALL1"] + 4, "second-host", "HALL1"),
        Mishap(begins_s["HALL2"] + 4, "viewers-storm", "HALL2"),
    ]
    sounds = noise(40, speed=4)
    said: list[str] = []
    report = rehearse(
        Rehearsal(programme, mishaps, sounds.by_language, sounds.count_words, 4.0, 9, 1, sounds.environment),
        said.append,
    )
    figures = json.loads(report.last_line())
    assert {name: figures[name] for name in ("talks", "captioned", "words_lost", "doubled")} == {
        "talks": 2, "captioned": 2, "words_lost": 0, "doubled": 0,
    }, (said, report)  # fmt: skip
    assert figures.keys() >= {"interventions", "delay_p95_s"}
    assert not any(score.failed for score in report.scores)
    assert not any(row.wrong for row in report.mishaps), report.mishaps
    assert report.wrongly_opened == 0
    assert report.unrecorded == 1
    assert report.holes == 0
    assert [row.kind for row in report.mishaps] == [mishap.kind for mishap in mishaps]
