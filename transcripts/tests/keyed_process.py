"""A process of an event whose transcripts are encrypted: python -m transcripts.tests.keyed_process CODE …

It says which keys it has, as those of a deployment do.
In the first room it speaks, beginning a new part (and key) now and then; in every room it reads, searches and downloads, each in a thread. It
says "ready" when all of them have done so once, goes on until its input ends, and then prints {"said", "looked", "faults"}.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

PART_OF = 4  # sentences


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.db import connection

    from rooms import key_holders

    key_holders.renew(key_holders.this_process("test"))
    key_holders.announce("test")
    codes = sys.argv[1:]
    said, looked, faults = [0], [0, 0, 0], list[str]()
    over = threading.Event()
    begun = threading.Semaphore(0)

    def again_and_again(step: Callable[[], None]) -> None:
        try:
            step()
            begun.release()
            while not over.wait(0.02):
                step()
        except Exception as error:
            faults.append(f"{step.__name__}: {type(error).__name__} {error}")
            begun.release()
        finally:
            connection.close()

    threads = [
        threading.Thread(target=again_and_again, args=[step]) for step in _steps(codes, said, looked, faults)
    ]
    for thread in threads:
        thread.start()
    for _ in threads:
        begun.acquire()
    print("ready", flush=True)
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()
    print(json.dumps({"said": said[0], "looked": looked, "faults": faults}), flush=True)


def _steps(
    codes: list[str], said: list[int], looked: list[int], faults: list[str]
) -> list[Callable[[], None]]:
    from rooms.errors import DomainError, Forbidden, NotFound
    from rooms.models import Room
    from transcripts.files import Wish, download
    from transcripts.models import Part, Sentence
    from transcripts.search import search
    from transcripts.services import NewSentence, PartTerms, add_sentences, end_part, open_part

    parts, counted = list[Part](), dict[str, int]()

    def speak() -> None:
        number = said[0]
        if number % PART_OF == 0:
            for part in parts:
                end_part(part=part)
            terms = PartTerms("en", store=True, public=True, owner_id=None)
            parts[:] = [open_part(room=Room.objects.get(code=codes[0]), terms=terms)]
        start_ms = 2000 * (number % PART_OF)
        add_sentences(
            part=parts[0], sentences=[NewSentence(start_ms, start_ms + 1900, f"Sentence number {number}.")]
        )
        said[0] += 1

    def read() -> None:
        for sentence in Sentence.objects.filter(track__room__code__in=codes):
            if not sentence.text.startswith("Sentence number "):
                faults.append(f"read {sentence.text!r} in part {sentence.part_id}")
        looked[0] += 1

    def find() -> None:
        try:
            found = search("number", None)
        except DomainError as error:
            if not error.retry:  # too slow, or too many at once
                raise
            return
        counts = {room.room.code: room.count for room in found.rooms}
        if any(counts.get(code, 0) < counted.get(code, 0) for code in codes):
            faults.append(f"found {counts} after {counted}")
        counted.update(counts)
        looked[1] += 1

    def fetch() -> None:
        for room in Room.objects.filter(code__in=codes):
            with suppress(NotFound, Forbidden):  # nothing was said there yet
                stored = json.loads(b"".join(map(_bytes, download(room, Wish("json"), None).content)))
                texts = [s["text"] for part in stored["parts"] for s in part["sentences"]]
                if not all(text.startswith("Sentence number ") for text in texts):
                    faults.append(f"downloaded {texts}")
        looked[2] += 1

    return [speak, read, find, fetch]


def _bytes(piece: str | bytes) -> bytes:
    return piece.encode() if isinstance(piece, str) else piece


if __name__ == "__main__":
    main()
