"""The host's page without a browser: who gets it, what it records, what its socket asks, what it answers."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
import requests
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from asr.rooms.messages import send_message
from asr.tests.make import TERMS, join, room_session_of, served, slots
from pages.tests.conftest import HOST_PASSWORD
from rooms.consent import Answers, record_consent
from rooms.models import Consent
from rooms.tests.make import person, room
from rooms.web_session import session_hash
from rooms.wordings import HOST, newest_wording
from transcripts.models import Part, Sentence
from transcripts.services import NewSentence, add_sentences
from translation.demand import lease

WITHIN_S = 60
ASKED = newest_wording(HOST, "en")
ANSWERS = {"keep_text": True, "public": False, "version": ASKED.version, "lang": "en"}


@pytest.fixture
def client(settings):
    settings.SECURE_SSL_REDIRECT = False
    client = Client(headers={"Accept": "text/html"})
    client.post("/login/form", {"password": HOST_PASSWORD})
    return client


def post(client, action, **body):
    return client.post(f"/api/host/TALK1/{action}", json.dumps(body), content_type="application/json")


@pytest.mark.django_db
class TestThePage:
    def test_who_is_not_signed_in_signs_in_and_comes_back(self, client):
        room("TALK1")
        client.logout()
        assert client.get("/room/TALK1/host")["Location"] == "/login?next=%2Froom%2FTALK1%2Fhost"

    def test_what_is_asked_is_what_will_be_recorded_word_for_word(self, client):
        room("TALK1")
        html = client.get("/room/TALK1/host").content.decode()
        for said in (ASKED.text.audio, ASKED.text.keep_no, ASKED.text.public_yes):
            assert said.replace("'", "&#x27;") in html
        german = client.get("/room/TALK1/host", headers={"Accept-Language": "de"}).content.decode()
        assert newest_wording(HOST, "de").text.keep_no in german
        assert not re.search(r"<input[^>]*\schecked", html), "nobody answers in the place of who speaks"

    def test_a_room_that_is_not_there_is_not_found(self, client):
        assert client.get("/room/NOWHERE/host").status_code == 404


@pytest.mark.django_db
class TestConsent:
    def test_answers_are_recorded_with_who_gave_them(self, client):
        at = room("TALK1")
        answered = post(client, "consent", **ANSWERS)
        consent = Consent.objects.get(pk=answered.json()["consent"])
        assert (consent.user.username, consent.room, consent.wording_sha256) == ("host", at, ASKED.sha256)
        assert (consent.keep_text, consent.public) == (True, False)

    @pytest.mark.parametrize(
        ("changed", "status"),
        [
            ({"version": 99}, 400), ({"lang": "xx"}, 400), ({"keep_text": None}, 400), ({"more": 1}, 400),
        ],
        ids=str,
    )  # fmt: skip
    def test_answers_to_another_wording_are_refused(self, client, changed, status):
        room("TALK1")
        assert post(client, "consent", **{**ANSWERS, **changed}).status_code == status
        assert not Consent.objects.exists()

    def test_nobody_consents_to_what_must_not_be_recorded(self, client):
        room("TALK1", do_not_record=True)
        assert post(client, "consent", **ANSWERS).json() == {"error": "do_not_record"}

    def test_a_host_takes_back_what_was_said_and_whoever_gave_none_is_told_so(self, client):
        at = room("TALK1")
        assert post(client, "withdraw").json() == {"error": "no_consent"}
        owner_id = User.objects.get(username="host").pk
        part = room_session_of(join(at, terms=replace(TERMS, owner_id=owner_id))).part
        add_sentences(part=part, sentences=[NewSentence(0, 900, "Good morning.")])
        transcript = client.get("/room/TALK1/transcript").content.decode()
        assert 'id="withdraw"' in transcript
        assert post(client, "withdraw").json() == {"parts": 1}

    def test_another_site_cannot_answer(self, client, settings):
        room("TALK1")
        strict = Client(enforce_csrf_checks=True)
        strict.cookies = client.cookies
        assert post(strict, "consent", **ANSWERS).status_code == 403
        assert not Consent.objects.exists()


@pytest.mark.django_db
class TestHowItStands:
    def test_it_says_who_reads_how_late_text_is_and_what_organisers_wrote(self, client):
        at = room("TALK1")
        terms = replace(TERMS, owner_id=User.objects.get(username="host").pk)
        host_lease = join(at, terms=terms, key=session_hash(client.session.session_key))
        served(host_lease)
        lease("process", {(at.pk, "de"): 12, (at.pk, "en"): 3})
        first = send_message(room_id=at.pk, text="Louder, please.", sent_by_id=None)
        state = client.get(f"/api/host/TALK1?connection={host_lease.connection_id}").json()
        assert (state["state"], state["host"], state["delay_s"]) == ("live", "you", 0.0)
        assert [(each["lang"], each["name"], each["count"]) for each in state["viewers"]] == [
            ("de", "German", 12), ("en", "English", 3),
        ]  # fmt: skip
        assert [message["text"] for message in state["messages"]] == ["Louder, please."]
        later = client.get(f"/api/host/TALK1?after={first.pk}").json()
        assert later["messages"] == []

    def test_it_costs_the_same_for_one_reader_and_for_many(self, client):
        at = room("TALK1")
        served(join(at))

        def cost():
            with CaptureQueriesContext(connection) as queries:
                client.get("/api/host/TALK1")
            return len(queries)

        lease("process", {(at.pk, "de"): 1})
        one = cost()
        lease("process", {(at.pk, lang): 5 for lang in ("de", "fr", "pt", "ar")})
        assert cost() == one <= 12

    def test_strangers_are_told_nothing(self, client):
        room("TALK1")
        client.logout()
        assert client.get("/api/host/TALK1").json() == {"error": "not_signed_in"}

    def test_only_its_host_closes_it(self, client):
        join(room("TALK1"), terms=replace(TERMS, owner_id=person("ada").pk))
        assert post(client, "end").json() == {"error": "not_host"}


@pytest.mark.django_db
class TestSentences:
    def test_its_host_corrects_what_it_has_seen_and_nothing_newer(self, client):
        host_lease = join(room("TALK1"), terms=replace(TERMS, owner_id=User.objects.get(username="host").pk))
        part = Part.objects.get(room_id=host_lease.room_id)
        row = add_sentences(part=part, sentences=[NewSentence(0, 900, "Wrong.")])[0]
        place = {"part": part.number, "index": 0}
        assert post(client, "sentence", **place, version=row.version, text="Right.").json() == {"ok": True}
        assert Sentence.objects.get().text == "Right."
        outdated = post(client, "sentence", **place, version=row.version, text="Late.")
        assert (outdated.status_code, outdated.json()) == (409, {"error": "sentence_changed"})
        assert post(client, "sentence", **place, version=row.version + 1).json() == {"ok": True}
        assert not Sentence.objects.exists()

    def test_nobody_else_does(self, client):
        host_lease = join(room("TALK1"), terms=replace(TERMS, owner_id=person("ada").pk))
        part = Part.objects.get(room_id=host_lease.room_id)
        row = add_sentences(part=part, sentences=[NewSentence(0, 900, "Hers.")])[0]
        refused = post(client, "sentence", part=1, index=0, version=row.version, text="Mine.")
        assert refused.json() == {"error": "not_your_transcript"}


@pytest.mark.django_db(transaction=True)
class TestItsSocket:
    """Opened by the session's cookie, which a browser adds to whatever page asks."""

    @pytest.fixture
    def signed_in(self, server):
        session = requests.Session()
        form = session.get(f"{server}/login", headers={"Accept": "text/html"}).text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)[1]
        fields = {"password": HOST_PASSWORD, "csrfmiddlewaretoken": token}
        session.post(f"{server}/login/form", fields, headers={"Referer": server})
        slots(2)
        return session.cookies["sessionid"]

    @staticmethod
    def answer(server, consent, *, session="", origin=None):
        """The first message; or the code and reason of the close."""
        url = f"{server.replace('http', 'ws')}/room/TALK1/host/en/en?consent={consent}&recorder={'a' * 32}"
        headers = {"Cookie": f"sessionid={session}"}
        with connect(
            url,
            additional_headers=headers,
            origin=origin or server,
            open_timeout=WITHIN_S,
            ping_interval=None,
        ) as socket:
            try:
                return json.loads(socket.recv(timeout=WITHIN_S))
            except ConnectionClosed:
                return socket.close_code, socket.close_reason

    def given(self, at, name="host"):
        user = User.objects.get(username=name)
        answers = Answers(keep_text=True, public=False)
        return record_consent(room=at, user_id=user.pk, answers=answers, wording=ASKED)

    def test_who_is_signed_in_and_has_answered_hosts_by_these_answers(self, server, signed_in):
        consent = self.given(room("TALK1"))
        assert "connection_id" in self.answer(server, consent.pk, session=signed_in)["info"]
        part = Part.objects.get()
        assert (part.consent, part.store, part.public) == (consent, True, False)
        assert part.owner == consent.user

    def test_another_site_cannot_use_it(self, server, signed_in):
        consent = self.given(room("TALK1"))
        refused = self.answer(server, consent.pk, session=signed_in, origin="https://evil.example")
        assert refused[0] == 1008
        assert not Part.objects.exists()

    def test_without_a_session_nobody_hosts(self, server, signed_in):
        consent = self.given(room("TALK1"))
        for session in ("", "x" * 32, "y" * 4000):
            assert self.answer(server, consent.pk, session=session)[0] == 1008

    def test_somebody_else_s_answers_another_room_s_and_none_are_refused(self, server, signed_in):
        at = room("TALK1")
        person("ada")
        for consent in (self.given(at, "ada").pk, self.given(room("TALK2")).pk, 0, "x", "9" * 40):
            code, reason = self.answer(server, consent, session=signed_in)
            assert (code, reason) == (1003, "Required room config cookies not found"), consent
        assert not Part.objects.exists()
