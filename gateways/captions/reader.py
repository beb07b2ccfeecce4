"""One reader: what it has, what waits until a replay is over, and its outbox."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from gateways.captions.screens import Sampled
from gateways.common.outbox import QUEUED_EVENTS, TOO_SLOW, Outbox

Frame = Callable[
    [str, Mapping[str, int]], str
]  # a message and the versions that are reached with it → what is sent


class Reader:
    """A socket's or an event stream's. `send_now` waits until the peer has taken it; nothing else here waits."""

    def __init__(
        self,
        lang: str,
        outbox: Outbox,
        send_now: Callable[[str], Awaitable[None]],
        frame: Frame,
        *,
        may_report: bool = False,
    ) -> None:
        self.lang = lang
        self.may_report = may_report  # its wire has a way back
        self.sampled: Sampled | None = None  # of the room that it is in
        self.holds = False  # a replay is under way: what comes waits
        self._outbox, self._send_now, self._frame = outbox, send_now, frame
        self._reached: dict[str, int] = {}
        self._held: list[tuple[str, str, int]] = []
        self._held_shown: dict[str, str] = {}

    def start(self) -> None:
        """In another room: nothing of the one before counts."""
        self._reached = {}
        self._held = []
        self._held_shown = {}
        self.hold()

    def hold(self) -> None:
        """Keep what comes until `go_on`."""
        self.holds = True

    def go_on(self, shown: Mapping[str, str]) -> None:
        """The replay is over: give what has come meanwhile, and what is shown now, by slot."""
        self.holds = False
        held, self._held = self._held, []
        for text, lang, version in held:
            self.take(text, lang, version)
        passing, self._held_shown = {**shown, **self._held_shown}, {}
        for slot, text in passing.items():
            self.show(slot, text)

    def begin(self, hello: str) -> None:
        """Everything anew."""
        self.start()
        self._outbox.put(self._frame(hello, {}))

    def put(self, text: str, reached: Mapping[str, int] | None = None) -> None:
        """Part of a replay from memory."""
        self._reached |= reached or {}
        self._outbox.put(self._frame(text, self._reached if reached else {}))

    async def send(self, text: str, reached: Mapping[str, int] | None = None) -> None:
        """Part of a replay, at the peer's pace."""
        await self._outbox.drained()
        self._reached |= reached or {}
        await self._send_now(self._frame(text, self._reached if reached else {}))

    def take(self, text: str, lang: str, version: int) -> None:
        """A durable event, once: by its version, which may have come with a replay already. `lang` "": no track's."""
        if self.holds:
            if len(self._held) >= QUEUED_EVENTS:
                self._outbox.close(TOO_SLOW, now=True)
                return
            self._held.append((text, lang, version))
        elif not lang:
            self._outbox.put(self._frame(text, {}))
        elif version > self._reached.get(lang, 0):
            self._reached[lang] = version
            self._outbox.put(self._frame(text, self._reached))

    def show(self, slot: str, text: str) -> None:
        """Something that passes: only the newest counts."""
        if self.holds:
            self._held_shown[slot] = text
        else:
            self._outbox.show(self._frame(text, {}), slot=slot)
