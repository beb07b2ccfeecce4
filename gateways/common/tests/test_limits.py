"""How much a client may send: pure."""

from __future__ import annotations

import pytest

from gateways.common.limits import HOST_MESSAGE_BYTES, VIEWER_MESSAGE_BYTES, TokenBucket, message_limit_bytes
from gateways.conference.limits import MESSAGE_BOUNDS


def test_burst_then_the_rate():
    now = 0.0
    bucket = TokenBucket(rate_per_s=2, burst=3, clock=lambda: now)
    assert [bucket.consume() for _ in range(4)] == [True, True, True, False]
    now = 0.5
    assert [bucket.consume() for _ in range(2)] == [True, False]
    now = 1000.0
    assert [bucket.consume() for _ in range(4)] == [True, True, True, False]


def test_what_is_refused_costs_nothing():
    bucket = TokenBucket(rate_per_s=1, burst=3, clock=lambda: 0.0)
    assert not bucket.consume(4)
    assert bucket.consume(3)


@pytest.mark.parametrize(
    ("path", "size_bytes"),
    [
        ("/room/A/host/en/de", HOST_MESSAGE_BYTES),
        ("/backend/room/A/host", HOST_MESSAGE_BYTES),
        ("/room/A/client/en/host", VIEWER_MESSAGE_BYTES),
        ("/room/A/hostess/en/de", VIEWER_MESSAGE_BYTES),
        ("/room/A/client/host/host", VIEWER_MESSAGE_BYTES),
        ("/x/room/A/host/en/de", VIEWER_MESSAGE_BYTES),
        ("/", VIEWER_MESSAGE_BYTES),
    ],
)
def test_only_hosts_send_long_messages(path, size_bytes):
    assert message_limit_bytes(path, MESSAGE_BOUNDS) == size_bytes
