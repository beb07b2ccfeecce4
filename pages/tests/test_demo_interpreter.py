"""/demo/interpreter: what a visitor reads and hears. The server's side of the socket is scripted here (the wire's own tests: gateways/interpreter)."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from translation.speech.mp3 import encode
from translation.speech.scripted import ScriptedVoice

pytestmark = pytest.mark.browser
FINAL = {
    "type": "final", "text": "Good morning.", "lang": "en", "translation": "Guten Morgen.", "target_lang": "de",
}  # fmt: skip
PARTIAL = {"type": "partial", "text": "And now", "lang": "en", "translation": "Und", "target_lang": "de"}


class Server:
    """What the socket's other end says, and what it was told."""

    def __init__(self, page: Page, history: list[dict[str, object]]) -> None:
        self.configs: list[dict[str, object]] = []
        self.sound = io.BytesIO()
        self.sockets: list[WebSocketRoute] = []
        self._history = history
        page.route_web_socket(re.compile("/ws/audio$"), self._opened)

    def say(self, message: dict[str, object] | bytes) -> None:
        self.sockets[-1].send(message if isinstance(message, bytes) else json.dumps(message))

    def _opened(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        socket.on_message(self._told)

    def _told(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.sound.write(message)
            return
        said = json.loads(message)
        if said["type"] == "config":
            self.configs.append(said)
            self.say({"type": "ack"})
        elif said["type"] == "history_request":
            self.say({"type": "history", "items": self._history})


@pytest.fixture
def scripted(page: Page) -> Callable[..., Server]:
    def make(*history: dict[str, object]) -> Server:
        server = Server(page, list(history))
        page.goto("/demo/interpreter?room=here")
        return server

    return make


def test_an_address_of_ones_own_is_given_to_who_comes_without(page: Page) -> None:
    page.goto("/demo/interpreter")
    assert re.search(r"\?room=[0-9a-f]{8}$", page.url)
    page.goto("/demo/interpreter?room=../../x")
    assert re.search(r"\?room=[0-9a-f]{8}$", page.url)


def test_a_speaker_reads_and_hears_what_they_say_in_another_language(page: Page, scripted) -> None:
    server = scripted()
    page.locator("#source").select_option("en")
    page.locator("#target").select_option("pt")
    page.locator("#start").click()
    expect(page.locator("#state")).to_have_text("Speak: it is interpreted")
    (config,) = server.configs
    assert (config["roomId"], config["sourceLang"], config["targetLang"], config["sampleRate"]) == (
        "here", "en", "pt", 16_000,
    )  # fmt: skip
    expect(page.locator("#level")).to_have_attribute("aria-valuenow", re.compile(r"^([2-9]\d|100)$"))
    assert len(server.sound.getvalue()) > 0
    server.say(PARTIAL)
    expect(page.locator("#partial .original")).to_have_text("And now")
    expect(page.locator("#partial .translation")).to_have_text("Und")
    server.say(FINAL)
    expect(page.locator("#finals .translation")).to_have_text("Guten Morgen.")
    expect(page.locator("#finals .translation")).to_have_attribute("lang", "de")
    expect(page.locator("#finals .original")).to_have_text("Good morning.")
    expect(page.locator("#partial")).to_be_hidden()
    page.locator("#target").select_option("en")
    page.locator("#stop").click()
    expect(page.locator("#state")).to_have_text("Not started")
    assert [each["targetLang"] for each in server.configs] == ["pt", "en"]


def test_who_only_listens_sends_no_sound_and_reads_what_was_said_before(page: Page, scripted) -> None:
    server = scripted({**FINAL, "ts": 1.0})
    page.locator("#listen").click()
    expect(page.locator("#state")).to_have_text("You hear the others")
    expect(page.locator("#finals li")).to_have_count(1)
    server.say({**FINAL, "text": "No translation.", "translation": ""})
    expect(page.locator("#finals li")).to_have_count(2)
    expect(page.locator("#finals li").last).to_have_text("No translation.")
    assert server.sound.getvalue() == b""


def test_a_broken_connection_comes_back_and_nothing_stands_there_twice(page: Page, scripted) -> None:
    server = scripted({**FINAL, "ts": 1.0})
    page.locator("#listen").click()
    expect(page.locator("#finals li")).to_have_count(1)
    server.sockets[-1].close(code=1012)
    expect(page.locator("#state")).to_have_text("No connection. Trying again by itself.")
    expect(page.locator("#state")).to_have_text("You hear the others")
    expect(page.locator("#finals li")).to_have_count(1)


def test_what_is_wrong_is_said_in_words(page: Page, scripted) -> None:
    server = scripted()
    page.locator("#start").click()
    expect(page.locator("#state")).to_have_text("Speak: it is interpreted")
    server.say({"type": "warning", "code": "NO_AUDIO", "message": "…"})
    expect(page.locator("#trouble")).to_contain_text("Nothing is heard")
    server.say({"type": "error", "message": "capacity"})
    expect(page.locator("#trouble")).to_contain_text("All recognisers are in use")


def test_speech_is_played_one_after_the_other_and_what_would_be_late_is_left_out(page: Page) -> None:
    mp3 = encode(ScriptedVoice().speak("a" * 84, "en"))  # five seconds
    page.goto("/login")
    played = page.evaluate(
        """async (bytes) => {
          const { Spoken } = await import("/static/js/demos/spoken.js");
          const spoken = new Spoken(), made = () => Uint8Array.from(bytes).buffer;
          await spoken.add(new ArrayBuffer(10));
          for (let n = 0; n < 5; n += 1) await spoken.add(made());
          spoken.close();
          return spoken.played;
        }""",
        list(mp3),
    )
    assert played == 2


@pytest.mark.django_db
def test_page_is_there_where_its_wire_is_and_asks_for_consent_where_that_is_required(client, env) -> None:
    address = "/demo/interpreter?room=here"
    assert b'id="consent"' not in client.get(address).content
    env(consent_required=True, store_transcripts=False)
    page = client.get(address).content
    assert b'id="consent"' in page
    assert b"Nothing is kept." in page
    env(wires=["echo"])
    assert client.get(address).status_code == 404
