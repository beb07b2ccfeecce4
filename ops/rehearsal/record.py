"""What a stack's database says of its talks when a rehearsal is over."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from ops.faults.stack import Stack
from ops.rehearsal.score import StoredSentence

_SENTENCES = """
SELECT r.code, p.number, s.index, s.end_ms, s.text, extract(epoch FROM s.created_at), s.key LIKE 'typed.%%'
FROM transcripts_sentence s JOIN transcripts_part p ON p.id = s.part_id JOIN transcripts_track t ON t.id = s.track_id
JOIN rooms_room r ON r.id = p.room_id WHERE t.lang = p.source_lang AND s.removed_at IS NULL ORDER BY 1, 2, 3
"""
_SESSIONS = """
SELECT r.code, p.number, s.heard_ms, s.state FROM asr_session s JOIN asr_rooms_roomsession o ON o.session_id = s.id
JOIN transcripts_part p ON p.id = o.part_id JOIN rooms_room r ON r.id = p.room_id ORDER BY 1, 2
"""
RUNNING = "SELECT count(*) FROM asr_session WHERE state NOT IN ('closed', 'failed')"
OPEN_ROOMS = """
SELECT DISTINCT r.code FROM asr_rooms_roomsession o JOIN rooms_room r ON r.id = o.room_id WHERE o.is_open
"""


def stored_sentences(stack: Stack) -> dict[str, list[StoredSentence]]:
    """By room, in order, as they were spoken."""
    heard_ms: dict[str, dict[int, int]] = defaultdict(dict)
    for room, part, ms, _ in stack.query(_SESSIONS):
        heard_ms[room][part] = max(int(ms), heard_ms[room].get(part, 0))
    found: dict[str, list[StoredSentence]] = defaultdict(list)
    for room, part, index, end_ms, text, at_s, typed in stack.query(_SENTENCES):
        row = StoredSentence(part, index, end_ms, text, float(at_s), typed=bool(typed))
        before_ms = sum(ms for earlier, ms in heard_ms[room].items() if earlier < part)
        found[room].append(replace(row, offset_ms=before_ms))
    return found


def opened_rooms(stack: Stack) -> dict[str, bool]:
    """Those that had a session; True: one of them failed."""
    opened: dict[str, bool] = {}
    for room, _, _, state in stack.query(_SESSIONS):
        opened[room] = opened.get(room, False) or state == "failed"
    return opened
