"""What somebody missed, by versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rooms.database_threads import reads
from transcripts.events import Durable
from transcripts.selectors import REPLAY_MOST, RoomNow, changes_between


@dataclass(frozen=True, slots=True)
class Replay:
    """What was missed, and the versions that this reaches: only behind those a version that is left out is a gap.

    `whole` False: some removals may be missing, nobody knows them any more; begin anew.
    """

    events: list[Durable]
    versions: dict[str, int]
    whole: bool


async def read_changes(room_id: int, after: Mapping[str, int], upto: Mapping[str, int]) -> list[Durable]:
    """All changes of these tracks behind the versions `after` and up to `upto`."""
    reached = {lang: after.get(lang, 0) for lang, version in upto.items() if version > after.get(lang, 0)}
    events: list[Durable] = []
    while reached:
        found = await reads(changes_between)(room_id, reached, upto)
        events += found
        if len(found) < REPLAY_MOST:
            break
        last = found[-1]  # of its track some may be left; of the others that are here, none
        whole = {event.lang for event in found} - {last.lang}
        reached = {lang: version for lang, version in reached.items() if lang not in whole}
        reached[last.lang] = last.version
    return events


def lacks_removals(versions: Mapping[str, int], room: RoomNow) -> bool:
    """Whether who knows each track up to these versions may have missed a removal that left no tombstone any more."""
    return any(0 < version < room.removals_known_from.get(lang, 0) for lang, version in versions.items())
