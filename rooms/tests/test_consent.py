"""Consent: who allowed what, by which wording, when; added and withdrawn, never changed."""

import pytest
from django.contrib.auth.models import User
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from rooms.audit import Actor
from rooms.consent import Answers, record_consent, usable_consent, withdraw_consent
from rooms.erasure import erase_person
from rooms.errors import Forbidden
from rooms.models import Consent
from rooms.tests.make import person, room
from rooms.wordings import HOST, all_wordings, newest_wording, wording

PUBLISHED = {
    ("host", 1, "en"): "ed9816315d2a1b1447077f3869d33e2a12f3f414ad20e3dc171b77f5956ffd87",
    ("host", 1, "de"): "7a5b2793516844196659743840cc3b4ae740b776ed4f7b00b4341cdd97faef94",
    ("client", 1, "en"): "79fb010bbd721046195927665a25afc5b5f39b4785072b40dae1a29d3adad545",
}


def given(at, owner, *, keep_text=True, public=False, lang="en"):
    """A consent as the host's page records it."""
    answers = Answers(keep_text=keep_text, public=public)
    user_id = owner.pk if owner else None
    return record_consent(room=at, user_id=user_id, answers=answers, wording=newest_wording(HOST, lang))


class TestWordings:
    def test_a_published_wording_never_changes(self):
        assert {(one.name, one.version, one.lang): one.sha256 for one in all_wordings()} == PUBLISHED

    def test_one_that_is_missing_in_a_language_is_shown_in_english_and_recorded_so(self):
        assert newest_wording(HOST, "xx").lang == "en"
        assert newest_wording(HOST, "de").lang == "de"

    def test_what_was_never_shown_is_not_found(self):
        with pytest.raises(KeyError):
            wording(HOST, 0, "en")
        with pytest.raises(KeyError):
            wording(HOST, 99, "en")


@pytest.mark.django_db
class TestRecording:
    def test_it_says_who_what_which_wording_and_when(self):
        at, ada = room("A"), person("ada")
        consent = given(at, ada, public=True, lang="de")
        stored = Consent.objects.get()
        asked = wording(stored.wording, stored.wording_version, stored.wording_lang)
        assert (stored.user, stored.room, stored.event, stored.room_code) == (ada, at, at.event, "A")
        assert (stored.audio, stored.keep_text, stored.public) == (True, True, True)
        assert asked.sha256 == stored.wording_sha256
        assert asked.lang == "de"
        assert (stored.given_at, stored.withdrawn_at) == (consent.given_at, None)

    @pytest.mark.parametrize("other", ["room", "person", "nobody", "withdrawn"])
    def test_only_ones_own_for_this_room_and_not_withdrawn_can_be_used(self, other):
        at, ada = room("A"), person("ada")
        consent = given(at, ada)
        assert usable_consent(consent.pk, room=at, user_id=ada.pk) == consent
        if other == "withdrawn":
            withdraw_consent(consent, by=Actor())
        user_id = {"person": person("alan").pk, "nobody": None}.get(other, ada.pk)
        with pytest.raises(Forbidden):
            usable_consent(consent.pk, room=room("B") if other == "room" else at, user_id=user_id)

    def test_nobodys_consent_is_nobodys_to_use(self):
        at = room("A")
        with pytest.raises(Forbidden):
            usable_consent(given(at, None).pk, room=at, user_id=None)


@pytest.mark.django_db
class TestNeverChanged:
    def test_a_withdrawal_is_dated_once(self):
        consent = given(room("A"), person("ada"))
        assert withdraw_consent(consent, by=Actor())
        first = Consent.objects.get().withdrawn_at
        assert not withdraw_consent(consent, by=Actor())
        assert Consent.objects.get().withdrawn_at == first

    @pytest.mark.parametrize(
        "change",
        [
            {"public": True},
            {"keep_text": False},
            {"wording_version": 2},
            {"room_code": "B"},
            {"audio": False},
        ],
        ids=str,
    )
    def test_the_database_refuses_another_answer(self, change):
        given(room("A"), person("ada"))
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            Consent.objects.update(**change)

    def test_the_database_refuses_another_person_and_an_undone_withdrawal(self):
        consent = given(room("A"), person("ada"))
        with pytest.raises(DatabaseError), transaction.atomic():
            Consent.objects.update(user=person("alan"))
        withdraw_consent(consent, by=Actor())
        with pytest.raises(DatabaseError), transaction.atomic():
            Consent.objects.update(withdrawn_at=None)

    def test_an_erased_person_leaves_it_without_a_name(self):
        given(room("A"), person("ada"))
        erase_person("ada")
        assert not User.objects.filter(username="ada").exists()
        assert Consent.objects.get().user is None

    def test_a_deleted_room_leaves_it_with_its_code(self):
        at = room("A")
        given(at, person("ada"))
        at.delete()
        stored = Consent.objects.get()
        assert (stored.room, stored.room_code) == (None, "A")


@pytest.mark.django_db
@pytest.mark.parametrize("gone", ["room", "person"])
def test_who_deletes_a_room_or_a_person_locks_their_consents_in_order_before(gone):
    at, ada = room("A"), person("ada")
    given(at, ada)
    with CaptureQueriesContext(connection) as queries:
        (at if gone == "room" else ada).delete()
    said = [query["sql"] for query in queries if '"rooms_consent"' in query["sql"]]
    locks, changes = (
        [n for n, sql in enumerate(said) if word in sql] for word in ("FOR NO KEY UPDATE", 'UPDATE "')
    )
    assert min(locks) < min(changes)
    assert "ORDER BY" in said[min(locks)]


@pytest.mark.django_db
class TestAdmin:
    def test_it_is_listed_and_neither_edited_nor_deleted(self, admin_client):
        consent = given(room("A"), person("ada"))
        listed = admin_client.get(reverse("admin:rooms_consent_changelist"))
        assert "ada" in listed.content.decode()
        one = reverse("admin:rooms_consent_change", args=[consent.pk])
        assert admin_client.get(one).status_code == 200
        assert admin_client.post(one, {"public": "on"}).status_code == 403
        assert admin_client.post(reverse("admin:rooms_consent_delete", args=[consent.pk])).status_code == 403
        assert admin_client.get(reverse("admin:rooms_consent_add")).status_code == 403

    def test_its_list_costs_the_same_for_one_and_for_three(self, admin_client, django_assert_num_queries):
        address = reverse("admin:rooms_consent_changelist")
        given(room("A"), person("ada"))
        admin_client.get(address)
        with CaptureQueriesContext(connection) as one:
            admin_client.get(address)
        given(room("B"), person("alan"))
        given(room("C"), person("grace"))
        with django_assert_num_queries(len(one)):
            admin_client.get(address)
