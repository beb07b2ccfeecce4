"""A room's captions, once per process: each event is encoded once, however many read it (on transcripts/follow.py)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.utils import timezone

from gateways.captions import messages, wire
from gateways.captions.metrics import MOUTH_TO_SCREEN
from gateways.captions.reader import Reader
from gateways.captions.screens import REPORT_EVERY_S, Screens
from gateways.captions.unfinished import never_taken_back
from rooms.database_threads import reads
from rooms.metric_labels import lang_label
from rooms.selectors import ComingTalk, title_of
from transcripts.events import Delays, Draft, Durable, Event, Partial, SentenceChanged, SentenceRemoved
from transcripts.follow import Follower, attach, detach
from transcripts.metrics import passed
from transcripts.models import RoomState
from transcripts.selectors import RoomNow, readable_broadcasts, sentences_before
from transcripts.sentences import keep_newest, rest_of
from transcripts.shared import PerLoop, Shared

REPLAY_MOST = 1000  # changes of one track; who missed more begins anew
REPLAYS_AT_ONCE = 8
Key = tuple[int, int]  # part, index


def nothing_there(room_id: int = 0, following: ComingTalk | None = None) -> RoomNow:
    """A room that nobody has opened, or none at all."""
    return RoomNow(RoomState(room_id=room_id, state=RoomState.Name.CLOSED), {}, next=following)


class RoomCaptions(Shared[Reader]):
    """The renderer of one room, as long as it has readers."""

    def __init__(self, room_id: int, code: str) -> None:
        super().__init__()
        self.code = code
        self.newest: int = settings.ENV.newest_sentences
        self.room_id = room_id
        self._room = nothing_there(room_id)
        self._title = ""
        self._follower: Follower | None = None
        self._readers: set[Reader] = set()
        self._versions: dict[str, int] = {}
        self._recent: dict[str, dict[Key, SentenceChanged]] = {}  # by track
        self._partial: tuple[str, str] = ("", "")  # the newest, and its track
        self._unfinished: Partial | None = None  # the same
        self._drafts: dict[str, tuple[str, Draft]] = {}  # by track: the newest
        self._delays: dict[str, Any] = {}  # as wire.DelaysNow has it
        self._screens = Screens(settings.ENV.screen_report_one_in)
        self._state: object = None

    # --- readers

    async def replay(self, reader: Reader, after: Mapping[str, int]) -> None:
        """Give `reader` what it missed behind the versions `after`, or the newest sentences; what comes meanwhile waits."""
        reader.hold()
        missed = {lang: after.get(lang, 0) for lang in self.tracks(reader.lang)}
        if missed.keys().isdisjoint(after) or any(
            self._versions.get(lang, 0) - v > REPLAY_MOST for lang, v in missed.items()
        ):
            self._begin_reader(reader)
            return
        async with _replays():
            replay = await self._followed().resume(missed)
            broadcasts = await reads(readable_broadcasts)(self.room_id)
        if not replay.whole:
            self._begin_reader(reader)
            return
        await reader.send(self._hello(reader, replay.versions, resumed=True))
        for event in replay.events:
            if isinstance(event, SentenceRemoved) or event.broadcast in broadcasts:
                await reader.send(messages.durable(event), {event.lang: event.version})
        await reader.send(messages.versions(replay.versions), replay.versions)
        reader.go_on(self._shown(reader))

    def tracks(self, lang: str) -> set[str]:
        """What who reads `lang` follows: that track, and the spoken one."""
        return {lang, self._room.state.source_lang} - {""}

    async def history(self, reader: Reader, *, before: Key, count: int) -> None:
        """Give `reader` what was said before that place."""
        there, found = await reads(sentences_before)(
            self.room_id, before=before, count=count, lang=reader.lang
        )
        for event in found:
            await reader.send(messages.durable(event))
        await reader.send(messages.history_end(there))

    async def _start(self) -> None:
        self._title = await reads(title_of)(self.room_id)
        self._follower = await attach(self.room_id, self)

    async def _stop(self) -> None:
        follower, self._follower = self._follower, None
        if follower is not None:
            await detach(follower, self)

    async def _admit(self, member: Reader) -> None:
        """What comes waits for its `replay`, which takes as long as the reader does."""
        member.start()
        member.sampled = self._screens.choose() if member.may_report else None
        self._readers.add(member)

    def _dismiss(self, member: Reader) -> None:
        self._readers.discard(member)
        self._screens.sampled -= member.sampled is not None
        member.sampled = None

    def shown(self, reader: Reader, told: wire.Shown) -> float | None:
        """A sentence was on the reader's screen; how late such are now in that language, if that is known."""
        if reader.sampled is None or reader.lang != told.lang:
            return None
        key, now_s = (told.lang, told.part, told.index), time.time()
        delay_s = self._screens.shown(reader.sampled, key, told.at_ms / 1000, now_s)
        if delay_s is None:
            return None
        MOUTH_TO_SCREEN.labels(lang_label(told.lang)).observe(delay_s)
        return self._screens.delay_s(told.lang, now_s)

    # --- Renderer

    def begin(self, room: RoomNow, sentences: Sequence[SentenceChanged]) -> None:
        """First of all, and again where nobody knows any more what is gone: everybody begins anew."""
        self._recent = {}
        self._partial, self._unfinished, self._drafts = ("", ""), None, {}
        self._versions = dict(room.versions)
        for event in sentences:
            self._keep(event)
        self.compared(room)
        for reader in list(self._readers):
            if not reader.holds:
                self._begin_reader(reader)

    def on_event(self, event: Event) -> None:
        """One change, to all whom it concerns."""
        if isinstance(event, SentenceChanged | SentenceRemoved):
            self._keep(event)
            self._versions[event.lang] = event.version
            text = messages.durable(event)
            following = self._following(event.lang)
            for reader in following:
                reader.take(text, event.lang, event.version)
            if following and isinstance(event, SentenceChanged) and event.spoken_s is not None:
                passed("sent", event.lang, event.spoken_s)
                self._screens.sent((event.lang, event.part, event.index), event.spoken_s, time.time())
            rest = (
                isinstance(event, SentenceChanged) and self._unfinished and rest_of(self._unfinished, event)
            )
            if rest:
                self._pass_text(rest)
        elif isinstance(event, Partial | Draft):
            if event.broadcast in (0, self._room.state.broadcast):
                self._pass_text(event)
        elif isinstance(event, Delays):
            said = {
                "transcription_s": event.transcription_s,
                "translation_s": event.translation_s,
                "stopped": event.stopped,
            }
            self._delays |= {name: value for name, value in said.items() if value is not None}
            self._pass_on("delays", messages.delays(self._delays))

    def compared(self, room: RoomNow) -> None:
        """PostgreSQL was read: the room's state may have changed."""
        spoken = self._room.state.source_lang
        self._room = room
        known = (room.state.state, room.state.part, room.state.grace_until, room.state.source_lang, room.next)
        if room.state.source_lang != spoken:  # another language is spoken: its track is followed from here
            for reader in self._readers:
                reader.take(messages.versions(self._reached(reader.lang)), "", 0)
        if known != self._state:
            self._state = known
            if room.state.state == RoomState.Name.CLOSED:
                self._unfinished = None  # nothing comes of it any more
            self._pass_on("state", messages.state(room, timezone.now()))

    def _keep(self, event: Durable) -> None:
        recent = self._recent.setdefault(event.lang, {})
        key = (event.part, event.index)
        recent.pop(key, None)
        _, drafted = self._drafts.get(event.lang, ("", None))
        if drafted is not None and (drafted.part, drafted.index) == key:
            del self._drafts[event.lang]
        if isinstance(event, SentenceChanged):
            recent[key] = event
            keep_newest(recent, self.newest)

    def _pass_text(self, event: Partial | Draft) -> None:
        """What is unfinished, to those who follow its track: a draft to those who read its language."""
        if isinstance(event, Partial):
            self._unfinished = never_taken_back(self._unfinished, event)
            text = messages.partial(self._unfinished)
            if (text, event.lang) != self._partial:
                self._partial = (text, event.lang)
                self._pass_on("partial", text, event.lang)
        elif (event.part, event.index) not in self._recent.get(event.lang, {}):
            _, before = self._drafts.get(event.lang, ("", None))
            event = never_taken_back(before, event)
            text = messages.draft(event)
            self._drafts[event.lang] = (text, event)
            self._pass_on("draft", text, event.lang)

    def _pass_on(self, slot: str, text: str, track: str = "") -> None:
        for reader in self._following(track) if track else self._readers:
            reader.show(slot, text)

    def _following(self, track: str) -> list[Reader]:
        """The readers of one track; of the spoken one, all."""
        everybody = track == self._room.state.source_lang
        return [reader for reader in self._readers if everybody or reader.lang == track]

    def _begin_reader(self, reader: Reader) -> None:
        """The newest sentences, in the order of reading, each before its translation; spoken ones in whichever language."""
        reached = self._reached(reader.lang)
        reader.begin(self._hello(reader, reached, resumed=False))
        found = [
            event
            for lang, recent in self._recent.items()
            for event in recent.values()
            if lang in reached or event.of_version is None
        ]
        found.sort(key=lambda event: (event.part, event.index, event.of_version is not None))
        for event in found:
            reader.put(messages.durable(event))
        reader.put(messages.versions(reached), reached)
        reader.go_on(self._shown(reader))

    def _hello(self, reader: Reader, reached: Mapping[str, int], *, resumed: bool) -> str:
        return messages.hello(
            room=self.code, title=self._title, lang=reader.lang, there=self._room, versions=reached,
            delays=self._delays, now=timezone.now(), resumed=resumed,
            report_s=None if reader.sampled is None else REPORT_EVERY_S,
        )  # fmt: skip

    def _reached(self, lang: str) -> dict[str, int]:
        return {track: self._versions.get(track, 0) for track in sorted(self.tracks(lang))}

    def _shown(self, reader: Reader) -> dict[str, str]:
        """What passes and holds now: `hello` says the rest."""
        text, track = self._partial
        shown = {"partial": text} if track in self.tracks(reader.lang) else {}
        if reader.lang in self._drafts:
            shown["draft"], _ = self._drafts[reader.lang]
        return shown

    def _followed(self) -> Follower:
        if self._follower is None:
            raise RuntimeError("join first")
        return self._follower


rooms: PerLoop[tuple[int, str], RoomCaptions] = PerLoop(lambda room: RoomCaptions(*room))  # by key and code
_replaying: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}


def _replays() -> asyncio.Semaphore:
    """So few replays at once that the database serves others too."""
    return _replaying.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(REPLAYS_AT_ONCE))
