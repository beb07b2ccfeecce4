"""What a peer gets that reads as it likes; `Peer` stands for a server whose `send` waits until the peer reads."""

from __future__ import annotations

import asyncio
import gc

import pytest

from gateways.common.outbox import QUEUED_EVENTS, TOO_SLOW, Close, Outbox

CLOSED = Close(1003, "Room closed")


class Peer:
    """Gets messages while it reads; `got` grows by one for each `read(1)`."""

    def __init__(self, *, reads: bool = True) -> None:
        self.got: list[str | bytes | tuple[int, str]] = []
        self.asked = 0  # sends that have begun
        self._reads = asyncio.Semaphore(1_000_000 if reads else 0)
        self._changed = asyncio.Condition()

    async def send(self, message):
        self.asked += 1
        if message["type"] == "websocket.send":
            await self._reads.acquire()
            self.got.append(message["bytes"] if "bytes" in message else message["text"])
        else:
            self.got.append((message["code"], message["reason"]))
        async with self._changed:
            self._changed.notify_all()

    def read(self, count=1):
        for _ in range(count):
            self._reads.release()

    def write(self, text):
        assert isinstance(text, str)
        if self._reads.locked():
            return False
        self.got.append(text)
        return True

    async def gets(self, *expected):
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: len(self.got) >= len(expected))
        assert self.got == list(expected)


async def turns(count=20):
    """Let everything run that can."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_events_come_in_their_order_and_a_state_where_it_was_shown():
    peer = Peer()
    outbox = Outbox(peer.send)
    outbox.put("who you are")
    outbox.show("text")
    outbox.put("ready")
    await peer.gets("who you are", "text", "ready")
    outbox.show("more text")
    await peer.gets("who you are", "text", "ready", "more text")


async def test_slow_peer_gets_every_event_and_the_newest_state_only():
    peer = Peer(reads=False)
    outbox = Outbox(peer.send)
    outbox.put("first")
    for number in range(1000):
        outbox.show(f"state {number}")
    outbox.put("second")
    await turns()
    assert peer.got == []
    peer.read(100)
    await peer.gets("first", "state 999", "second")


async def test_state_is_never_older_than_the_event_before_it():
    peer = Peer(reads=False)
    outbox = Outbox(peer.send)
    outbox.put("first")
    outbox.show("before the error")
    outbox.put("error")
    outbox.show("after the error")
    peer.read(100)
    await peer.gets("first", "error", "after the error")


async def test_peer_that_lets_too_many_events_wait_is_told_to_come_back():
    peer = Peer(reads=False)
    outbox = Outbox(peer.send)
    outbox.put("being sent")
    await turns()
    for number in range(QUEUED_EVENTS):
        outbox.put(str(number))
    await turns()
    assert peer.got == []
    outbox.put("one too many")
    await peer.gets((1013, "Too slow"))
    outbox.put("late")
    outbox.show("late")
    outbox.close(CLOSED)
    peer.read(100)
    await turns()
    assert peer.got == [(1013, "Too slow")]


async def test_close_comes_behind_what_waits_and_nothing_comes_behind_it():
    peer = Peer()
    outbox = Outbox(peer.send)
    outbox.put("event")
    outbox.show("last text")
    outbox.close(CLOSED)
    outbox.close(TOO_SLOW)
    outbox.show("text of the next talk")
    await peer.gets("event", "last text", (1003, "Room closed"))
    await turns()
    assert len(peer.got) == 3


async def test_close_waits_for_a_peer_that_does_not_read_so_long_and_no_longer():
    peer = Peer(reads=False)
    outbox = Outbox(peer.send, close_within_s=0.01)
    outbox.put("event")
    outbox.show("last text")
    outbox.close(CLOSED)
    await peer.gets((1003, "Room closed"))


async def test_binary_messages_keep_their_place_among_texts():
    peer = Peer()
    outbox = Outbox(peer.send, write=peer.write)
    outbox.put("text")
    outbox.put(b"sound")
    outbox.put("more text")
    await peer.gets("text", b"sound", "more text")


async def test_slow_peer_gets_the_newest_sound_of_a_slot_only():
    peer = Peer(reads=False)
    outbox = Outbox(peer.send)
    outbox.put("being sent")
    await turns()
    outbox.show(b"old", slot="speech")
    outbox.show(b"new", slot="speech")
    peer.read(100)
    await peer.gets("being sent", b"new")


async def test_no_peer_waits_for_another():
    stalled, reader = Peer(reads=False), Peer()
    outboxes = [Outbox(stalled.send), Outbox(reader.send)]
    for number in range(3):
        for outbox in outboxes:
            outbox.show(str(number))
        await reader.gets(*map(str, range(number + 1)))
    assert (stalled.got, stalled.asked) == ([], 1)


async def test_stopped_outbox_sends_nothing_and_leaves_no_task():
    peer = Peer(reads=False)
    outbox = Outbox(peer.send)
    outbox.put("being sent")
    await turns()
    outbox.close(CLOSED)
    outbox.stop()
    outbox.put("late")
    peer.read(100)
    await turns()
    assert peer.got == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_whoever_puts_something_may_be_cancelled_and_it_is_sent_all_the_same():
    peer = Peer(reads=False)
    outbox = Outbox(peer.send)

    async def talk():
        outbox.put("event")
        await asyncio.Event().wait()

    talking = asyncio.create_task(talk())
    await turns()
    talking.cancel()
    peer.read()
    await peer.gets("event")


async def test_task_ends_when_nothing_waits():
    peer = Peer()
    outbox = Outbox(peer.send)
    for text in ("one", "two"):
        outbox.put(text)
        await turns()
        assert asyncio.all_tasks() == {asyncio.current_task()}
    assert peer.got == ["one", "two"]


@pytest.mark.parametrize("error", [ConnectionResetError("gone"), RuntimeError("already closed")])
async def test_socket_that_cannot_be_written_gets_no_more_and_disturbs_nobody(error, caplog):
    tried = []

    async def send(message):
        tried.append(message)
        raise error

    outbox = Outbox(send)
    outbox.put("event")
    await turns()
    outbox.put("another")
    outbox.close(CLOSED)
    await turns()
    assert len(tried) == 1
    assert bool(caplog.records) is not isinstance(error, OSError)
    gc.collect()  # a task whose exception nobody asked for would speak up now


async def test_each_slot_keeps_its_newest_and_pushes_no_event_out():
    peer = Peer(reads=False)
    outbox = Outbox(peer.send, queued_events=2)
    outbox.put("one")
    await turns()  # it is on its way
    for number in range(100):
        outbox.show(f"words {number}", slot="partial")
        outbox.show(f"delay {number}", slot="delays")
    outbox.put("two")
    peer.read(10)
    await peer.gets("one", "words 99", "delay 99", "two")
    await outbox.drained()
    assert peer.asked == 4


async def test_what_a_server_can_write_at_once_needs_no_task():
    peer = Peer()
    outbox = Outbox(peer.send, write=peer.write)
    outbox.put("event")
    outbox.show("state")
    assert (peer.got, peer.asked) == (["event", "state"], 0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    outbox.close(CLOSED)
    await peer.gets("event", "state", (1003, "Room closed"))
    outbox.put("late")
    assert len(peer.got) == 3


async def test_nothing_is_written_past_what_waits_for_a_slow_peer():
    peer = Peer(reads=False)
    outbox = Outbox(peer.send, write=peer.write)
    outbox.put("first")
    await turns()
    for number in range(100):
        outbox.show(f"state {number}")
    outbox.put("second")
    peer.read()
    await peer.gets("first")
    peer.read(100)
    outbox.put("third")  # the peer reads again, but two others wait
    assert peer.got == ["first"]
    await peer.gets("first", "state 99", "second", "third")
    await outbox.drained()
    outbox.put("fourth")
    assert peer.got[-1] == "fourth"


async def test_a_slow_peer_of_a_server_that_writes_at_once_is_told_to_come_back():
    peer = Peer(reads=False)
    outbox = Outbox(peer.send, write=peer.write, queued_events=2)
    for number in range(3):
        outbox.put(str(number))
    outbox.put("one too many")
    await peer.gets((1013, "Too slow"))
    outbox.stop()
