"""Terms proposed for a talk: a child process reads, with bounds, and nothing is kept but what it says."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings

from rooms.errors import BadInput, DomainError
from rooms.glossary import parse
from rooms.models import Room
from rooms.proposals.documents import DOCUMENT_MOST_BYTES
from rooms.selectors import spoken_lang

AT_ONCE: Final = 2  # of one web process
ANSWER_MOST_BYTES: Final = 64 << 10
PROPOSED_MOST: Final = 60


@dataclass(frozen=True, slots=True)
class Bounds:
    """What reading a document may take: CPU time, time (a busy machine), memory."""

    cpu_s: int = 10
    within_s: float = 20.0
    memory_bytes: int = 1 << 30


BOUNDS: Final = Bounds()
logger = logging.getLogger(__name__)
_running = threading.BoundedSemaphore(AT_ONCE)


def propose_terms(room: Room, document: bytes = b"", *, bounds: Bounds = BOUNDS) -> list[str]:
    """Terms for this talk's glossary that it does not have, the likeliest first.

    From title, abstract and speakers, and from slides or a script (PDF, PowerPoint, plain text). Raises BadInput (`document_…`), and
    DomainError (`busy`) while others are read.
    """
    if len(document) > DOCUMENT_MOST_BYTES:
        raise BadInput("document_too_large")
    talk = {
        "title": room.title, "abstract": room.abstract, "speakers": room.presenters, "lang": spoken_lang(room),
        "cpu_s": bounds.cpu_s, "memory_bytes": bounds.memory_bytes,
    }  # fmt: skip
    if not _running.acquire(blocking=False):
        raise DomainError("busy", retry=True)
    try:
        answer = _asked(json.dumps(talk).encode() + b"\n" + document, bounds.within_s)
    finally:
        _running.release()
    if "error" in answer:
        raise BadInput(f"document_{answer['error']}")
    there = {term.text for term in parse(room.glossary).terms}
    return [term for term in answer["terms"] if _is_term(term) and term not in there][:PROPOSED_MOST]


def _asked(said: bytes, within_s: float) -> dict[str, Any]:
    """What the child answers; where it is killed, by its bounds or by us, the document was too much."""
    command = [sys.executable, "-E", "-s", "-m", "rooms.proposals.child"]
    environment = {
        name: value for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if (value := os.environ.get(name))
    }
    try:
        done = subprocess.run(
            command, input=said, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=within_s, cwd=settings.BASE_DIR,
            env=environment, check=False,
        )  # fmt: skip
        found: dict[str, Any] = json.loads(done.stdout[:ANSWER_MOST_BYTES])
    except subprocess.TimeoutExpired:
        logger.warning("document took too long")
        return {"error": "too_large"}
    except ValueError:  # it died
        logger.warning("document ended its reader", extra={"status": done.returncode})
        return {"error": "too_large"}
    return found


def _is_term(text: object) -> bool:
    """One line that the glossary takes as it is, without a translation."""
    return isinstance(text, str) and [term.text for term in parse(text).terms] == [text]
