"""/room/X before its scripts run: the language, the first text, where to go from here."""

from __future__ import annotations

import pytest
from django.test import Client

from pages.tests.talk import Talk
from translation.room_settings import Chosen, choose

pytestmark = pytest.mark.django_db(transaction=True)


def read(client: Client, path: str = "/room/TALK", **headers: str) -> str:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_brings_the_newest_text_in_the_readers_language(client):
    talk = Talk().open()
    first, _ = talk.say("Good morning.", "Welcome.")
    talk.translate(first, "pt", "Bom dia.")
    assert ">Good morning. <" in read(client)
    page = read(client, "/room/TALK?lang=pt")
    assert '<span class="sentence" lang="pt" dir="ltr">Bom dia. </span>' in page
    assert '<span class="sentence" lang="en" dir="ltr">Welcome. </span>' in page, "not translated yet"
    assert "Good morning." not in page
    client.cookies["captions_lang"] = "pt"
    assert "Bom dia." in read(client)
    assert "Bom dia." in read(client, "/room/TALK?lang=xx' onload="), "what is no language is not obeyed"


def test_a_closed_room_shows_what_is_public_and_nothing_else(client):
    private = Talk("PRIVATE").open(public=False)
    private.say("Among ourselves.")
    assert "Among ourselves." in read(client, "/room/PRIVATE")
    private.close()
    assert "Among ourselves." not in read(client, "/room/PRIVATE")
    about = client.get("/api/room/PRIVATE/about").json()
    assert about["transcript"] is None
    public = Talk("PUBLIC").open()
    public.say("For everybody.")
    public.close()
    assert "For everybody." in read(client, "/room/PUBLIC")
    assert client.get("/api/room/PUBLIC/about").json()["transcript"] == "/room/PUBLIC/transcript"


def test_the_languages_on_offer_are_those_that_this_talk_can_be_translated_into(client, env):
    env(translation_engines=["bergamot", "scripted"], source_langs=["en", "de", "uk"])
    talk = Talk().open()

    def offered() -> list[str]:
        return [each["code"] for each in client.get("/api/room/TALK/about").json()["langs"]]

    about = client.get("/api/room/TALK/about").json()
    assert about["langs"][0] == {"code": "en", "native": "English", "name": "English", "dir": "ltr"}
    assert {"de", "uk", "pt", "ja"} <= set(offered())
    choose(talk.room, Chosen(engines=("bergamot",)))
    assert offered() == ["en", "pt"], "other languages are spoken and translated elsewhere, not in this room"
    setup = client.get("/room/TALK/screen?setup").content.decode()
    assert '<option value="pt"' in setup
    assert '<option value="ja"' not in setup
    assert '<option value="ja"' in client.get("/room/TALK/screen?setup&lang=ja").content.decode(), (
        "a screen's address stays good"
    )
    assert client.get("/api/room/NOWHERE/about").json() == {"error": "room_not_found"}


def test_the_qr_code_is_an_image_of_the_address(client):
    Talk()
    answer = client.get("/room/TALK/qr.svg?lang=pt")
    assert answer["Content-Type"] == "image/svg+xml"
    assert answer.content.startswith(b"<svg")
    assert client.get("/room/NOWHERE/qr.svg").status_code == 404


def test_a_talk_that_must_not_be_recorded_has_no_captions(client):
    Talk("QUIET", do_not_record=True)
    assert client.get("/room/QUIET").status_code == 403
