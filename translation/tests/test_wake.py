"""The bell: it never blocks whoever rings, and says a thing once."""

import threading

from translation.wake import RINGS_MOST, Bell


class _Slow(Bell):
    """Never gets to send: its broker hangs."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs = threading.Event()

    def _send_forever(self) -> None:
        self.hangs.wait(10)


def test_ringing_while_the_broker_hangs_neither_waits_nor_grows_without_bound():
    bell = _Slow()
    for number in range(2 * RINGS_MOST):
        bell.ring("wake", number)
        bell.ring("wake", 7)
    assert len(bell._rung) == RINGS_MOST
    bell.hangs.set()
