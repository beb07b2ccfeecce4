"""A withdrawn consent: nothing more is heard under it, and what was made from it is gone, wherever it could be read."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from asr.leases import LeaseLost, beat
from asr.models import Session
from asr.rooms.services import restart_session
from asr.rooms.tests.test_overview import PROGRESS
from asr.rooms.withdrawal import withdraw_in_room, withdrawable
from asr.sessions import finish_session
from asr.sweeps import sweep
from asr.tests.make import TERMS, join, room_session_of, served, session_of
from rooms.access import Identity
from rooms.consent import usable_consent
from rooms.errors import Forbidden, NotFound
from rooms.models import Consent, DataKey, Room
from rooms.tests.make import person, room
from transcripts.editing import SentencePlace, correct
from transcripts.events import SentenceRemoved
from transcripts.models import Part, Sentence, SentenceRevision
from transcripts.removal import remove_unstored, take_back_parts
from transcripts.search import search
from transcripts.selectors import changes_between, room_now, transcript_text
from transcripts.services import NewSentence, Translation, add_sentences, add_translations

pytestmark = pytest.mark.django_db(transaction=True)


def spoken(code="A", name="ada", **terms):
    """A talk that goes on, with a translated and a corrected sentence; its host lease, and its process's lease."""
    host_lease = join(code, terms=replace(TERMS, owner_id=person(name).pk, **terms), key=name * 20)
    lease, part = served(host_lease), room_session_of(host_lease).part
    rows = add_sentences(
        part=part, sentences=[NewSentence(0, 900, "Good mourning."), NewSentence(1000, 1900, "Tin.")]
    )
    row = correct(SentencePlace(part.room_id, part.number, 0), text="Good morning.", seen_version=rows[0].version, identity=who(name))  # fmt: skip
    add_translations(part=part, lang="de", translations=[Translation(0, "Guten Morgen.", row.version)])
    return host_lease, lease, part


def who(name, group="hosts"):
    return Identity("admin" if group == "admins" else "host", person(name, group=group).pk)


def at(code="A"):
    return Room.objects.get(code=code)


def assert_gone(part):
    assert not Sentence.objects.filter(part=part).exists()
    assert set(Sentence.with_removed.filter(part=part).values_list("text", flat=True)) == {""}
    assert not SentenceRevision.objects.filter(sentence__part=part).exists()
    for lang in ("en", "de"):
        with pytest.raises((NotFound, Forbidden)):
            transcript_text(part.room, lang, who("organiser", "admins"))
    assert search("tin", who("organiser", "admins")).rooms == ()


class TestWithdrawn:
    def test_text_goes_in_every_language_with_its_history_and_viewers_are_told_of_each(self):
        _, _, part = spoken()
        before = room_now(part.room_id).versions
        assert withdraw_in_room(at(), who("ada")) == 1
        assert_gone(part)
        now = room_now(part.room_id).versions
        events = changes_between(part.room_id, before, now)
        assert {(event.lang, event.index) for event in events} == {("en", 0), ("en", 1), ("de", 0)}
        assert {type(event) for event in events} == {SentenceRemoved}

    def test_two_who_withdraw_at_once_leave_nothing_and_neither_fails(self):
        _, _, part = spoken()
        before = room_now(part.room_id).versions

        def withdraw(identity):
            try:
                return withdraw_in_room(at(), identity)
            except NotFound:
                return 0
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as threads:
            done = list(threads.map(withdraw, [who("ada"), who("organiser", "admins")]))
        assert max(done) == 1
        assert_gone(part)
        events = changes_between(part.room_id, before, room_now(part.room_id).versions)
        assert len(events) == len({(event.lang, event.index) for event in events}) == 3

    def test_withdrawal_whose_process_died_before_it_stopped_what_is_heard_is_finished_by_the_sweep(self):
        host_lease, lease, part = spoken()
        Consent.objects.filter(pk=part.consent_id).update(withdrawn_at=timezone.now())
        take_back_parts(part.consent_id)  # so far it came
        assert session_of(host_lease).state == Session.State.LIVE
        sweep()
        assert session_of(host_lease).state not in Session.RUNNING
        with pytest.raises(LeaseLost):
            beat(lease, PROGRESS)
        assert_gone(part)

    def test_what_is_heard_stops_at_once_and_the_same_consent_opens_nothing_more(self):
        host_lease, lease, part = spoken()
        consent = part.consent
        withdraw_in_room(at(), who("ada"))
        assert session_of(host_lease).state == Session.State.CLOSED
        with pytest.raises(LeaseLost):
            beat(lease, PROGRESS)
        with pytest.raises(Forbidden, match="no_consent"):
            usable_consent(consent.pk, room=at(), user_id=consent.user_id)
        assert not DataKey.objects.exists(), "nor can waiting sound be decrypted"
        assert Part.objects.get().ended_at is not None

    def test_what_was_spoken_before_a_restart_goes_too(self):
        host_lease, _, _ = spoken()
        restart_session(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
        withdraw_in_room(at(), who("ada"))
        assert not Sentence.objects.exists()
        assert set(Session.objects.values_list("state", flat=True)) == {"closed"}

    def test_text_that_was_not_to_be_stored_goes_before_the_room_closes(self):
        _, _, part = spoken(store=False)
        withdraw_in_room(at(), who("ada"))
        assert_gone(part)
        assert not DataKey.objects.exists()

    def test_a_talk_that_is_long_over_goes_too_and_what_others_said_stays(self):
        host_lease, _, part = spoken()
        finish_session(session_of(host_lease))
        _, _, theirs = spoken(name="bob")
        withdraw_in_room(at(), who("ada"))
        assert not Sentence.objects.filter(part=part).exists()
        assert Sentence.objects.filter(part=theirs).count() == 3
        assert Session.objects.filter(state=Session.State.LIVE).count() == 1

    def test_what_a_process_that_died_left_undone_the_sweep_does(self):
        host_lease, _, part = spoken()
        Consent.objects.update(withdrawn_at=timezone.now())
        sweep()
        assert_gone(part)
        assert session_of(host_lease).state == Session.State.CLOSED
        finish_session(session_of(join("B", terms=replace(TERMS, owner_id=person("ada").pk))))
        add_sentences(part=Part.objects.latest("pk"), sentences=[NewSentence(0, 1, "Late.")])
        Consent.objects.filter(withdrawn_at=None).update(withdrawn_at=timezone.now())
        sweep()
        assert not Sentence.objects.exists()

    def test_keys_of_text_go_with_the_sweep_too_where_nothing_else_was_left(self):
        host_lease, _, part = spoken(store=False)
        Consent.objects.update(withdrawn_at=timezone.now())
        take_back_parts(part.consent_id)  # so far it came: the part had not ended, and kept its key
        finish_session(session_of(host_lease))
        assert DataKey.objects.filter(name=f"part:{part.pk}").exists()
        sweep()
        assert not DataKey.objects.exists()

    def test_doing_it_again_changes_nothing(self):
        _, _, part = spoken()
        withdraw_in_room(at(), who("ada"))
        version = room_now(part.room_id).versions
        sweep()
        remove_unstored(room=at())
        assert room_now(part.room_id).versions == version
        with pytest.raises(NotFound, match="no_consent"):
            withdraw_in_room(at(), who("ada"))


class TestWhoMay:
    def test_everybody_their_own_and_admins_all(self):
        spoken()
        room("B")
        for identity in (None, Identity("host", None), who("bob")):
            assert not withdrawable(at(), identity).exists()
        with pytest.raises(NotFound):
            withdraw_in_room(at(), who("bob"))
        assert Sentence.objects.count() == 3
        assert withdrawable(at(), who("ada")).count() == 1
        assert not withdrawable(at("B"), who("ada")).exists()
        withdraw_in_room(at(), who("organiser", "admins"))
        assert not Sentence.objects.exists()

    def test_an_organiser_withdraws_in_the_admin_for_somebody_who_asks(self, admin_client):
        _, _, part = spoken()
        chosen = {"action": "withdraw", "_selected_action": [part.consent_id]}
        answer = admin_client.post(reverse("admin:rooms_consent_changelist"), chosen, follow=True)
        assert "Withdrawn: 1." in answer.content.decode()
        assert_gone(part)
        assert User.objects.filter(username="ada").exists()
