"""The pen of a room's spoken track: taken, renewed, lost, given up; and sentences that a person typed."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from asr.leases import Progress, beat
from asr.models import Session
from asr.rooms.ending import close_room, stop_recording
from asr.rooms.models import Pen
from asr.rooms.pen import (
    YIELDS_WITHIN_S,
    PenLease,
    TypedSentence,
    end_expired_pen,
    release_pen,
    renew_pen,
    show_typed,
    take_pen,
    write_typed,
)
from asr.rooms.selectors import pen_is_held
from asr.rooms.services import restart_session
from asr.sessions import finish_session
from asr.tests.make import join, room_session_of, served, session_of
from rooms.errors import BadInput, Conflict
from transcripts.models import Part, Sentence, Track

pytestmark = pytest.mark.django_db


def typed(text="Good morning.", sentence_id="a" * 36, *, took_s=2.0):
    now = timezone.now()
    return TypedSentence(sentence_id, text, now - timedelta(seconds=took_s), now)


def expire(lease):
    Pen.objects.filter(pk=lease.pen_id).update(expires_at=timezone.now() - timedelta(seconds=1))


def yielded(lease):
    Pen.objects.filter(pk=lease.pen_id).update(yielded_at=timezone.now())


def texts(host_lease):
    part = room_session_of(host_lease).part
    return list(Sentence.objects.filter(part=part).order_by("index").values_list("text", flat=True))


class TestTaking:
    def test_one_person_has_it_and_a_second_one_is_refused(self):
        host_lease = join("A")
        lease = take_pen(host_lease.room_id)
        assert pen_is_held(host_lease.room_id)
        for token in ("", "x" * 36):
            with pytest.raises(Conflict, match="pen_taken"):
                take_pen(host_lease.room_id, token=token)
        renew_pen(lease)

    def test_who_comes_back_with_its_token_goes_on_and_its_older_tab_does_not(self):
        host_lease = join("A")
        first = take_pen(host_lease.room_id)
        second = take_pen(host_lease.room_id, token=first.token)
        assert second.pen_id == first.pen_id
        renew_pen(second)
        with pytest.raises(Conflict, match="pen_lost"):
            renew_pen(first)

    def test_lease_that_nobody_renewed_is_over_and_the_next_person_has_it(self):
        host_lease = join("A")
        first = take_pen(host_lease.room_id)
        expire(first)
        assert not pen_is_held(host_lease.room_id)
        with pytest.raises(Conflict, match="pen_lost"):
            renew_pen(first)
        second = take_pen(host_lease.room_id)
        assert second.pen_id > first.pen_id
        with pytest.raises(Conflict, match="pen_lost"):
            write_typed(first, typed())
        release_pen(first)
        assert pen_is_held(host_lease.room_id)

    def test_released_pen_is_free_at_once(self):
        host_lease = join("A")
        release_pen(take_pen(host_lease.room_id))
        assert not pen_is_held(host_lease.room_id)
        take_pen(host_lease.room_id)

    def test_room_that_is_not_open_has_no_pen(self):
        host_lease = join("A")
        close_room(host_lease.room_id)
        with pytest.raises(Conflict, match="not_active"):
            take_pen(host_lease.room_id)

    def test_expired_lease_is_noted_once(self):
        host_lease = join("A")
        lease = take_pen(host_lease.room_id)
        end_expired_pen(host_lease.room_id)
        assert Pen.objects.get().released_at is None
        expire(lease)
        end_expired_pen(host_lease.room_id)
        released_at = Pen.objects.get().released_at
        end_expired_pen(host_lease.room_id)
        assert Pen.objects.get().released_at == released_at

    def test_a_room_has_one_pen_whoever_writes_the_rows(self):
        host_lease = join("A")
        take_pen(host_lease.room_id)
        first = Pen.objects.get()
        with pytest.raises(IntegrityError), transaction.atomic():
            Pen.objects.create(room=first.room, part=first.part, expires_at=timezone.now())


class TestWriting:
    def test_finished_sentence_is_stored_once_however_often_it_is_sent(self):
        host_lease = join("A")
        lease = take_pen(host_lease.room_id)
        rows = {write_typed(lease, typed()).pk for _ in range(3)}
        assert len(rows) == 1
        write_typed(lease, typed("Good morning.", "b" * 36))
        assert texts(host_lease) == ["Good morning.", "Good morning."]
        assert Track.objects.get().version == 2

    def test_sentence_that_is_stored_is_known_again_in_the_next_part_and_without_the_pen(self):
        host_lease = join("A")
        lease = take_pen(host_lease.room_id)
        stored = write_typed(lease, typed())
        restart_session(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
        expire(lease)
        assert write_typed(lease, typed()).pk == stored.pk
        with pytest.raises(Conflict, match="pen_lost"):
            write_typed(lease, typed(sentence_id="b" * 36))

    def test_pen_outlives_a_restart_of_the_engine(self):
        host_lease = join("A")
        lease = take_pen(host_lease.room_id)
        restart_session(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
        assert write_typed(lease, typed()).part == Part.objects.latest("number")

    def test_writing_and_typing_renew_the_lease(self):
        host_lease = join("A")
        lease = take_pen(host_lease.room_id)
        for write in (
            lambda: write_typed(lease, typed()),
            lambda: show_typed(lease, "Goo", began_at=timezone.now()),
            lambda: renew_pen(lease),
        ):
            before = Pen.objects.get().expires_at
            write()
            assert Pen.objects.get().expires_at > before

    def test_what_is_being_typed_is_stored_nowhere(self):
        host_lease = join("A")
        show_typed(take_pen(host_lease.room_id), "Good mor", began_at=timezone.now())
        assert texts(host_lease) == []
        assert Pen.objects.get().written_at is None

    def test_pen_that_is_kept_counts_as_written_though_nothing_is(self):
        lease = take_pen(join("A").room_id)
        renew_pen(lease, keeps=True)
        assert Pen.objects.get().written_at is not None

    @pytest.mark.parametrize("text", ["", "\u202e \x00", "a" * 401])
    def test_text_that_is_no_sentence_is_refused_and_nothing_changes(self, text):
        host_lease = join("A")
        lease = take_pen(host_lease.room_id)
        with pytest.raises(BadInput):
            write_typed(lease, typed(text))
        assert texts(host_lease) == []

    def test_what_closes_while_somebody_types_takes_the_last_sentence_and_then_none(self):
        host_lease = join("A")
        lease = take_pen(host_lease.room_id)
        close_room(host_lease.room_id)
        write_typed(lease, typed("The end."))
        finish_session(session_of(host_lease))
        with pytest.raises(Conflict, match="not_active"):
            write_typed(lease, typed("Too late.", "b" * 36))
        assert texts(host_lease) == ["The end."]

    def test_what_must_not_be_recorded_any_more_is_not_typed_either(self):
        host_lease = join("A")
        lease = take_pen(host_lease.room_id)
        stop_recording(host_lease.room_id)
        with pytest.raises(Conflict, match="not_active"):
            write_typed(lease, typed())
        with pytest.raises(Conflict, match="not_active"):
            show_typed(lease, "Goo", began_at=timezone.now())


class TestMakingWay:
    def test_nobody_writes_before_the_recogniser_has_ended_its_sentence(self):
        host_lease = join("A")
        served(host_lease)
        lease = take_pen(host_lease.room_id)
        with pytest.raises(Conflict, match="pen_not_ready"):
            write_typed(lease, typed())
        with pytest.raises(Conflict, match="pen_not_ready"):
            show_typed(lease, "Goo", began_at=timezone.now())
        yielded(lease)
        write_typed(lease, typed())
        assert texts(host_lease) == ["Good morning."]

    def test_process_that_hangs_keeps_nobody_from_writing(self):
        host_lease = join("A")
        served(host_lease)
        lease = take_pen(host_lease.room_id)
        Pen.objects.update(taken_at=timezone.now() - timedelta(seconds=YIELDS_WITHIN_S))
        write_typed(lease, typed())

    def test_where_no_process_serves_the_room_nobody_waits(self):
        host_lease = join("A")
        write_typed(take_pen(host_lease.room_id), typed())
        assert texts(host_lease) == ["Good morning."]


class TestTimes:
    def test_sentence_lies_where_the_audio_was_when_it_was_typed(self):
        host_lease = join("A")
        asr_lease = served(host_lease)
        beat(asr_lease, Progress(60_000, 60_000, audio_waits=False, delay_s=0.0))
        lease = take_pen(host_lease.room_id)
        yielded(lease)
        Session.objects.update(beat_at=timezone.now())
        row = write_typed(lease, typed(took_s=3.0))
        assert 56_500 <= row.start_ms <= 57_500
        assert 60_000 <= row.end_ms < 90_000

    def test_without_audio_it_counts_from_the_beginning_of_the_part(self):
        host_lease = join("A")
        Part.objects.update(started_at=timezone.now() - timedelta(seconds=100))
        row = write_typed(take_pen(host_lease.room_id), typed(took_s=3.0))
        assert 96_500 <= row.start_ms <= 97_500 + 30_000
        assert row.end_ms >= row.start_ms + 2900


@contextmanager
def threads(count):
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown()


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def together(self, count, call):
        """Each call in a thread of its own, at the same moment: what it returned or raised."""
        barrier = Barrier(count)

        def one(number):
            barrier.wait()
            try:
                return call(number)
            except Conflict as refused:
                return refused.code
            finally:
                connections.close_all()

        with threads(count) as pool:
            return list(pool.map(one, range(count)))

    def test_of_many_who_take_it_at_once_one_has_it(self):
        host_lease = join("A")
        found = self.together(6, lambda number: take_pen(host_lease.room_id))
        assert sum(isinstance(one, PenLease) for one in found) == 1
        assert found.count("pen_taken") == 5
        assert Pen.objects.count() == 1

    def test_the_same_sentence_sent_by_many_sockets_at_once_is_stored_once(self):
        host_lease = join("A")
        lease = take_pen(host_lease.room_id)
        found = self.together(6, lambda number: write_typed(lease, typed()).pk)
        assert len(set(found)) == 1
        assert texts(host_lease) == ["Good morning."]

    def test_giving_up_and_writing_at_once_leaves_it_stored_or_refused(self):
        host_lease = join("A")
        for number in range(5):
            lease = take_pen(host_lease.room_id)
            sentence = typed(sentence_id=f"{number:036}")
            wrote, _ = self.together(2, lambda which, lease=lease, sentence=sentence: (
                release_pen(lease) if which else write_typed(lease, sentence).pk
            ))  # fmt: skip
            stored = Sentence.objects.filter(key__endswith=sentence.sentence_id).exists()
            assert stored == (wrote != "pen_lost")
            assert not pen_is_held(host_lease.room_id)
