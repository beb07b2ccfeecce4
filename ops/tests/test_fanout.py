"""The load generator of bench_fanout reads frames as a server writes them, and everything that is said arrives at everybody."""

from __future__ import annotations

import dataclasses

import pytest
from websockets.frames import Frame, Opcode

from ops.bench.fanout import STEADY, FanoutLoad, FanoutRow, measure_fanout, ratio_of
from ops.bench.fanout_crowd import client_frame, frames
from ops.faults.stack import running_stack

SIZES = (0, 1, 125, 126, 65_535, 65_536)


def written(payload, opcode=Opcode.TEXT):
    return Frame(opcode, payload).serialize(mask=False)


@pytest.mark.parametrize("size", SIZES)
def test_a_server_s_frames_are_read_whole_and_what_is_not_whole_waits(size):
    first, second = b"a" * size, b"b"
    data = written(first) + written(second)

    assert [(data[begin:end]) for _, begin, end in frames(data)] == [first, second]
    assert [(data[begin:end]) for _, begin, end in frames(data[:-1])] == [first]
    assert list(frames(data[:1])) == []


@pytest.mark.parametrize("size", SIZES[:-1])
def test_a_viewer_s_frame_is_masked_as_servers_demand(size):
    reader = iter(client_frame(0x81, b"x" * size))
    parse = Frame.parse(lambda count: _read(reader, count), mask=True)
    with pytest.raises(StopIteration) as parsed:
        next(parse)
    assert parsed.value.value.data == b"x" * size


def _read(reader, count):
    yield from ()
    return bytes(next(reader) for _ in range(count))


def test_the_ratio_is_that_of_the_fewest_viewers():
    row = FanoutRow("baseline", 10, STEADY, 1, 0.4, 1, 1, 1, 0, 0)
    rows = [
        row,
        dataclasses.replace(row, server="uvicorn", cpu_ms_per_delivery=0.1),
        dataclasses.replace(row, server="uvicorn", load="one reads nothing", cpu_ms_per_delivery=9.0),
        dataclasses.replace(row, viewers=20, cpu_ms_per_delivery=0.9),
    ]
    assert ratio_of(rows) == pytest.approx(4.0)


@pytest.mark.stack
def test_every_viewer_gets_every_durable_event_once_while_one_stalls_and_others_join():
    load = FanoutLoad(viewers=30, seconds=2.0, rounds=1, rush_viewers=30, rush_s=2.0)
    with running_stack(rooms=["FAN0", "FAN1"], LOG_LEVEL="WARNING", ASR_SLOTS="1", ASR_SPARES="0") as stack:
        rows = list(measure_fanout(stack, ["baseline", "uvicorn"], load, str))
    assert [(row.server, row.viewers) for row in rows] == [("baseline", 30), *[("uvicorn", 30)] * 3]
    assert all(row.deliveries > 0 for row in rows)
    assert (
        rows[0].cpu_ms_per_delivery > 0
    )  # the system counts in steps of 10 ms: what uvicorn needs for so few is less
    assert [(row.lost, row.repeats) for row in rows if row.server == "uvicorn"] == [(0, 0)] * 3
