"""What lies on disks of talks that are not to be kept: neither their sound nor their words, while they last and afterwards."""

import contextlib
import mmap
import secrets
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from django.db import connection

from asr import streams
from asr.audio.checkpoint import Checkpoint
from asr.leases import Lease, claim, finish
from asr.models import Session
from asr.rooms.ending import close_room, delete_unstored_if_over
from asr.session_keys import SessionOver, session_cipher
from asr.tests.make import TERMS, join, log_of, room_session_of, served, slots
from asr.tests.real_redis import RealRedis
from asr.text_stream import Piece, TextStream
from rooms.models import DataKey
from transcripts.services import NewSentence, Translation, add_sentences, add_translations, correct_sentence

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def redis():
    with tempfile.TemporaryDirectory() as folder, RealRedis(Path(folder)) as running:
        running.folder = Path(folder)
        yield running


def found(what, *folders):
    """Files under these folders that hold the bytes."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if _holds(path, what)]


def _holds(path, what):
    """A file that a server has just removed holds nothing any more."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        return _is_in(path, what)
    return False


def _is_in(path, what):
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        return whole.find(what) >= 0


def database_folder():
    """What PostgreSQL has in memory is written first, as at any time it may be."""
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")
        cursor.execute("SHOW data_directory")
        return Path(cursor.fetchone()[0])


def a_word():
    return "word" + secrets.token_hex(16)


def noise():
    return np.random.default_rng().normal(0, 3000, 4000).astype("<i2").tobytes()


def talk(code, *, store, redis):
    """A talk with sound, a sentence, its correction and their translations. Returns its bytes and words."""
    host_lease = join(code, terms=replace(TERMS, store=store))
    lease, sound, header = served(host_lease), noise(), secrets.token_bytes(64)
    log = log_of(host_lease, redis.url)
    log.append("pcm", sound)
    point = Checkpoint(log.read("0-0", block_ms=0)[0].entry_id, 0, header, 0, 0, None)
    log.save_checkpoints_and_trim({"": point}, keep_from=point.entry_id)
    part, (spoken, corrected, translated) = room_session_of(host_lease).part, (a_word() for _ in range(3))
    row = add_sentences(part=part, sentences=[NewSentence(0, 900, spoken)])[0]
    row = correct_sentence(sentence=row, text=corrected)
    add_translations(part=part, lang="de", translations=[Translation(0, translated, row.version)])
    return (
        host_lease,
        lease,
        [sound[1000:1064], header, *(word.encode() for word in (spoken, corrected, translated))],
    )


def close(host_lease, lease):
    close_room(host_lease.room_id)
    finish(lease)
    room_session = room_session_of(host_lease)
    delete_unstored_if_over(room_session.room, room_session.part.broadcast)


def test_a_talk_that_is_not_kept_leaves_no_byte_of_its_sound_and_no_word_on_a_disk(redis):
    kept, kept_lease, kept_bytes = talk("KEPT", store=True, redis=redis)
    unkept, unkept_lease, unkept_bytes = talk("UNKEPT", store=False, redis=redis)
    folders = database_folder(), redis.folder
    assert [found(each, *folders) for each in unkept_bytes] == [[]] * 5, "while it lasts"
    close(kept, kept_lease)
    close(unkept, unkept_lease)
    folders = database_folder(), redis.folder
    assert [found(each, *folders) for each in unkept_bytes] == [[]] * 5, "afterwards"
    assert not DataKey.objects.exists(), "nobody can decrypt what is left"
    sound, header, *words = kept_bytes
    assert [found(each, *folders) for each in (sound, header)] == [[], []], "sound of kept talks neither"
    assert all(found(word, *folders) for word in words), "what is kept is found: the search searches"


def test_words_of_a_stream_are_not_on_a_disk_and_cannot_be_decrypted_behind_its_end(redis):
    slots(9)
    session_id = streams.open_session(kind=Session.Kind.STREAM, source_lang="en")
    word, last = a_word(), a_word()
    stream = TextStream(redis.url, str(session_id), 1, cipher=session_cipher(session_id))
    stream.append("", [Piece("words", {"words": [[0, 1, word, 1.0]]})], committed_ms=1, last_word=last)
    assert stream.begin("").last_word == last
    assert [found(each.encode(), redis.folder) for each in (word, last)] == [[], []]
    assert found(b"XADD", redis.folder), "what Redis was told is there"
    streams.close_session(session_id)
    lease = Lease(session_id, 1)
    claim(lease, worker="asr@test", pid=1)
    finish(lease)
    with pytest.raises(SessionOver):
        session_cipher(session_id)
    assert not DataKey.objects.exists()
