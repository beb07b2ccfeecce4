"""Several processes count into one folder: sums are right, whoever dies however, and nothing piles up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from config.env import BASE_DIR

COUNTING = """
import sys, pathlib
from config.process_metrics import shared
shared.share(pathlib.Path(sys.argv[1]))
from prometheus_client import Counter, Gauge, Histogram
said = Counter("said", "…", ["lang"], registry=None)
late = Histogram("late", "…", buckets=(1, 2), registry=None)
here = Gauge("here", "…", registry=None, multiprocess_mode="livesum")
here.inc()
for line in sys.stdin:
    exec(line)
    print("done", flush=True)
"""
FORKS = "import os; pid = os.fork(); said.labels('de').inc(5); pid or os._exit(0); os.waitpid(pid, 0)"


class Counting:
    """A process that counts as it is told."""

    def __init__(self, folder: Path) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-c", COUNTING, str(folder)], cwd=BASE_DIR, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def run(self, line: str) -> str:
        """Until it is done; what it says before."""
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        return "".join(iter(self.child.stdout.readline, "done\n"))

    def told(self) -> dict[str, float]:
        """What it says of all."""
        said = self.run(
            "for metric in shared.collect(): [print(s.name, *s.labels.values(), s.value) for s in metric.samples]"
        )
        lines = [line.rsplit(" ", 1) for line in said.splitlines()]
        return {name: float(value) for name, value in lines}


@pytest.fixture
def start(tmp_path):
    running = []

    def begin() -> Counting:
        running.append(Counting(tmp_path / "metrics"))
        running[-1].run("pass")
        return running[-1]

    yield begin
    for each in running:
        each.child.kill()
        each.child.communicate()


def die(counting: Counting) -> None:
    counting.child.kill()
    counting.child.wait()


def test_what_processes_count_is_summed_and_what_the_dead_counted_stays(start, tmp_path):
    one, other = start(), start()
    one.run("said.labels('de').inc(2); late.observe(1.5)")
    other.run("said.labels('de').inc(3); late.observe(0.5)")
    assert one.told() == other.told()
    assert one.told()["said_total de"] == 5
    die(other)
    told = one.told()
    assert (told["said_total de"], told["late_count"], told["late_bucket 1.0"], told["here"]) == (5, 2, 1, 1)
    third = start()
    third.run("said.labels('de').inc(1)")
    die(one)
    told = third.told()
    assert (told["said_total de"], told["late_sum"], told["late_bucket +Inf"], told["here"]) == (6, 2, 2, 1)
    assert len(list((tmp_path / "metrics").glob("*.alive"))) == 1


def test_children_that_are_forked_count_under_names_of_their_own(start):
    one = start()
    one.run(FORKS)
    one.run(FORKS)
    told = one.told()
    assert (told["said_total de"], told["here"]) == (20, 1)


def test_many_that_come_and_go_leave_no_files(start, tmp_path):
    one = start()
    one.run("said.labels('en').inc()")
    before = sorted(path.name.partition("_")[0] for path in (tmp_path / "metrics").iterdir())
    for _ in range(20):
        one.run(FORKS)
    assert one.told()["said_total de"] == 200
    after = {path.name for path in (tmp_path / "metrics").iterdir()}
    assert len(after) <= len(before) + 2, after  # the past of counters and histograms
    assert sum(path.stat().st_size for path in (tmp_path / "metrics").iterdir()) < 4 << 20


def test_one_that_is_stopped_while_it_reads_keeps_nobody_waiting(start, tmp_path):
    one, other = start(), start()
    other.run("said.labels('de').inc(3)")
    one.run(f"import fcntl; held = open('{tmp_path}/metrics/lock', 'ab'); fcntl.flock(held, fcntl.LOCK_EX)")
    assert other.told()["said_total de"] == 3


def test_where_nothing_can_be_written_a_process_counts_for_itself(tmp_path):
    (tmp_path / "metrics").write_text("a file, and no folder")
    alone = Counting(tmp_path / "metrics")
    try:
        alone.run("said.labels('de').inc(2)")
        assert alone.run("print(said.labels('de')._value.get(), shared.folder)") == "2.0 None\n"
    finally:
        alone.child.kill()
        alone.child.communicate()
