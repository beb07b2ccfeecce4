"""The process that reads a document: `python -m rooms.proposals.child`. A line of JSON and the document in, a line of JSON out.

In: {"title", "abstract", "speakers", "lang", "cpu_s", "memory_bytes"}, then the document's bytes; out: {"terms": [...]} or {"error": code}.
It may use so much memory and CPU time and no more, may write no file, and ends by itself.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
from typing import Any

from rooms.proposals.documents import DocumentError, text_of
from rooms.proposals.ranking import Words, proposed

NICE = 10  # captions go first


def main() -> None:
    """Answer, whatever came."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints goes to the log
    logging.disable()  # libraries quote the document
    os.nice(NICE)
    talk = json.loads(sys.stdin.buffer.readline())
    if sys.platform != "darwin":  # macOS lets nobody lower it
        resource.setrlimit(resource.RLIMIT_AS, (talk["memory_bytes"], talk["memory_bytes"]))
    resource.setrlimit(resource.RLIMIT_CPU, (talk["cpu_s"], talk["cpu_s"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    answers.write(json.dumps(_answer(talk, sys.stdin.buffer.read())).encode() + b"\n")
    answers.flush()


def _answer(talk: dict[str, Any], document: bytes) -> dict[str, Any]:
    words = Words(talk["title"], talk["abstract"], tuple(talk["speakers"]), talk["lang"])
    try:
        text = text_of(document) if document else ""
        return {"terms": proposed(Words(words.title, words.abstract, words.speakers, words.lang, text))}
    except DocumentError as error:
        return {"error": str(error)}
    except (MemoryError, RecursionError):
        return {"error": "too_large"}


if __name__ == "__main__":
    main()
