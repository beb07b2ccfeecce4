"""A rehearsal's report: a table a hall, what each mishap cost, and a line of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.table import Table

from ops.rehearsal.programme import Talk
from ops.rehearsal.score import TalkScore, p95


@dataclass(frozen=True, slots=True)
class MishapRow:
    """`still_s`: the longest time without captions behind it; of the engine's, without translations. None: nobody spoke."""

    at_s: float
    at: datetime
    kind: str
    hall: str
    talk: str
    still_s: float | None
    note: str
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """`holes`: sentences that somebody who followed a hall never got; `unrecorded`: talks that must not be, and that were refused."""

    talks: Mapping[str, Talk]
    scores: Sequence[TalkScore]
    mishaps: Sequence[MishapRow]
    refusals: Mapping[str, Sequence[str]]
    given_up: Mapping[str, int]
    connections: int
    holes: int
    rewritten: int
    unrecorded: int
    wrongly_opened: int
    load: float

    @property
    def interventions(self) -> int:
        """Sessions that failed, rooms that were not captioning again in time, what went as it must not."""
        wrong = sum(row.wrong for row in self.mishaps)
        return sum(score.needed_somebody for score in self.scores) + wrong + self.wrongly_opened

    def last_line(self) -> str:
        """The figures."""
        delays = [delay for score in self.scores for delay in score.delays_s]
        return json.dumps(
            {
                "talks": len(self.scores),
                "captioned": sum(score.captioned for score in self.scores),
                "words_lost": sum(score.words.lost for score in self.scores),
                "doubled": sum(score.words.doubled for score in self.scores),
                "interventions": self.interventions,
                "delay_p95_s": round(p95(delays), 2) if delays else None,
            }
        )


def hall_table(report: Report) -> Table:
    """A row a hall."""
    table = Table(title="What was captioned")
    for heading in (
        "hall",
        "talks",
        "captioned",
        "words",
        "lost",
        "doubled",
        "p50 s",
        "p95 s",
        "still s",
        "last s",
    ):
        table.add_column(heading)
    for hall in sorted({talk.hall for talk in report.talks.values()}):
        scores = [score for score in report.scores if report.talks[score.code].hall == hall]
        if not scores:
            continue
        delays = sorted(delay for score in scores for delay in score.delays_s)
        half = f"{delays[len(delays) // 2]:.2f}" if delays else "-"
        table.add_row(
            hall, str(len(scores)), str(sum(score.captioned for score in scores)),
            str(sum(score.words.spoken for score in scores)), str(sum(score.words.lost for score in scores)),
            str(sum(score.words.doubled for score in scores)), half, f"{p95(delays):.2f}" if delays else "-",
            f"{max(score.still_s for score in scores):.1f}", f"{max(score.last_s for score in scores):.1f}",
        )  # fmt: skip
    return table


def mishap_table(report: Report) -> Table:
    """A row a mishap, by time."""
    table = Table(title="What went wrong, and what it cost")
    for heading in ("at s", "of the event", "mishap", "hall", "talk", "still s", "result"):
        table.add_column(heading)
    for row in report.mishaps:
        still = "-" if row.still_s is None else f"{row.still_s:.1f}"
        note = f"WRONG: {row.note}" if row.wrong else row.note
        table.add_row(f"{row.at_s:.0f}", f"{row.at:%a %H:%M}", row.kind, row.hall, row.talk, still, note)
    return table


def sentences(report: Report) -> list[str]:
    """What the tables do not say."""
    said = [
        f"{report.connections} connections of viewers, {report.holes} sentences that a hall's reader never got, "
        f"{report.rewritten} that changed; {report.unrecorded} talks not to be recorded were refused; load {report.load:.1f}"
    ]
    for score in report.scores:
        if score.words.lost or score.words.doubled or not score.captioned or score.needed_somebody:
            refusals = ", ".join(sorted(set(report.refusals.get(score.code, ())))) or "none"
            said.append(
                f"{score.code} in {report.talks[score.code].hall}: {score.words.spoken} words, {score.words.lost} lost, "
                f"{score.words.doubled} doubled, still {score.still_s:.1f} s, the last one {score.last_s:.1f} s behind the end; "
                f"{report.given_up.get(score.code, 0)} blobs given up by its page; refusals: {refusals}"
            )
    return said
