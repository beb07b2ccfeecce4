"""static/js/captions.js in a real Chromium: what every page that shows captions may rely on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page

from ops.faults.stack import free_port
from pages.tests.conftest import web_process
from pages.tests.relay import Relay
from pages.tests.talk import Talk
from transcripts.services import correct_sentence

pytestmark = pytest.mark.browser
SOON = {"retryMs": 20, "retryMostMs": 100}
EVENTS = [
    "status",
    "hello",
    "sentence",
    "removed",
    "versions",
    "history",
    "partial",
    "draft",
    "state",
    "delays",
]
CONNECT = """async ([place, options, events]) => {
  const { connect } = await import("/static/js/captions.js");
  window.told = [];
  window.captions = connect(place, options);
  window.statuses = [captions.status];
  captions.addEventListener("status", ({ detail }) => statuses.push(detail.status));
  for (const type of events) captions.addEventListener(type, ({ detail }) => told.push({ type, ...detail }));
}"""
UNTIL = """([events]) => new Promise((done) => {
  const { model } = captions;
  const look = () => (%s) && done();
  for (const type of events) captions.addEventListener(type, () => queueMicrotask(look));
  look();
})"""
TEXTS = "() => [...captions.model.sentences()].map((sentence) => sentence.text)"
SAID = "() => told.filter((each) => each.type === 'sentence').map((each) => `${each.lang}:${each.version}`)"


class Client:
    """The client on an empty page."""

    def __init__(self, page: Page, place: dict[str, str], *, url: str = "", **options: Any) -> None:
        self.page = page
        if url or page.url == "about:blank":
            page.goto(f"{url}/login")
        page.evaluate(CONNECT, [place, {"lang": "de", **SOON, **options}, EVENTS])

    def until(self, holds: str) -> None:
        self.page.evaluate(UNTIL % holds, [EVENTS])

    def texts(self) -> list[str]:
        found: list[str] = self.page.evaluate(TEXTS)
        return found

    def said_twice(self) -> list[str]:
        said = self.page.evaluate(SAID)
        return sorted(each for each in set(said) if said.count(each) > 1)


FAKE = """(scripts) => {
  window.sockets = [];
  window.WebSocket = class {
    static OPEN = 1;
    readyState = 0;
    asked = [];
    constructor(url) {
      this.url = String(url);
      const steps = scripts.length > 1 ? scripts.shift() : scripts[0];
      sockets.push(this);
      setTimeout(() => {
        this.readyState = 1;
        for (const step of steps) this.does(step);
      });
    }
    does({ text, code, reason }) {
      if (text !== undefined) this.onmessage({ data: text });
      else this.onclose({ code, reason });
    }
    send(text) { this.asked.push(JSON.parse(text)); }
    close() { this.readyState = 3; }
  };
}"""
Step = dict[str, Any]


class Script:
    """A browser's sockets to a server that says what a test wants, one list of steps a socket; the last goes for all others."""

    def __init__(self, page: Page, *sockets: list[Step]) -> None:
        self._page = page
        page.goto("/login")
        page.evaluate(FAKE, list(sockets))

    @property
    def urls(self) -> list[str]:
        found: list[str] = self._page.evaluate("sockets.map((each) => each.url)")
        return found

    @property
    def asked(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._page.evaluate("sockets.at(-1).asked")
        return found

    def say(self, *messages: dict[str, Any]) -> None:
        self.send(*map(json.dumps, messages))

    def send(self, *texts: str) -> None:
        self._page.evaluate("(texts) => texts.forEach((text) => sockets.at(-1).does({ text }))", list(texts))


def says(*messages: dict[str, Any]) -> list[Step]:
    return [{"text": json.dumps(message)} for message in messages]


def closes(code: int, reason: str = "") -> list[Step]:
    return [{"code": code, "reason": reason}]


def begins(*said: dict[str, Any], resumed: bool = False, **versions: int) -> list[Step]:
    return says(hello(resumed=resumed), *said, reached(**versions))


def hello(resumed: bool = False, **more: Any) -> dict[str, Any]:
    return {
        "type": "hello", "room": "A", "title": "A", "lang": "de", "resumed": resumed, "versions": {}, "delays": {},
        "state": "live", "source_lang": "en", **more,
    }  # fmt: skip


def reached(**versions: int) -> dict[str, Any]:
    return {"type": "versions", "versions": versions}


def sentence(
    version: int, index: int, text: str, *, lang: str = "en", part: int = 1, **more: Any
) -> dict[str, Any]:
    return {
        "type": "sentence", "lang": lang, "version": version, "part": part, "index": index, "start_ms": 0, "end_ms": 900,
        "speaker": -1, "text": text, "ends": True, **more,
    }  # fmt: skip


def test_server_that_restarts_costs_no_sentence_and_repeats_none(
    page: Page, transactional_db: None, tmp_path
):
    talk = Talk("A").open()
    rows = talk.say("One.", "Two.")
    talk.translate(rows[0], "de", "Eins.")
    port = free_port()
    with web_process(tmp_path / "first.log", port) as (url, _):
        client = Client(page, {"room": "A"}, url=url)
        client.until("captions.status === 'live'")
        assert client.texts() == ["Eins.", "Two."]
    client.until("captions.status === 'offline'")
    assert page.evaluate("captions.code") != ""
    talk.say("Three.")
    correct_sentence(sentence=rows[1], text="Two, corrected.")
    with web_process(tmp_path / "second.log", port):
        client.until("model.sentenceAt(1, 2)")
        talk.say("Four.")
        client.until("model.sentenceAt(1, 3)")
        assert client.texts() == ["Eins.", "Two, corrected.", "Three.", "Four."]
        assert client.said_twice() == []
        page.evaluate("captions.close()")


def test_connection_that_dies_without_a_word_is_noticed_and_made_anew(page: Page, server: str):
    talk = Talk("A").open()
    talk.say("One.")
    with Relay(server).running() as relay:
        client = Client(page, {"room": "A"}, url=relay.url, pingEveryMs=1000, pongWithinMs=3000)
        client.until("captions.status === 'live'")
        relay.swallow()
        client.until("captions.status === 'offline'")
        talk.say("Two.")
        relay.cut()
        relay.mend()
        client.until("model.sentenceAt(1, 1)")
        assert client.texts() == ["One.", "Two."]
        assert client.said_twice() == []
        page.evaluate("captions.close()")


def test_browser_without_a_network_comes_back_with_it(page: Page, server: str):
    talk = Talk("A").open()
    talk.say("One.")
    client = Client(page, {"room": "A"}, url=server, retryMs=600_000, retryMostMs=600_000)
    client.until("captions.status === 'live'")
    page.context.set_offline(True)
    client.until("captions.status === 'offline'")
    talk.say("Two.", "Three.")
    page.context.set_offline(False)
    client.until("captions.status === 'live'")
    assert client.texts() == ["One.", "Two.", "Three."]
    assert client.said_twice() == []


def test_hall_is_followed_from_talk_to_talk(page: Page, server: str):
    from rooms.models import Hall, Room
    from rooms.seed import settings_event

    hall = Hall.objects.create(event=settings_event(), name="Main hall", slug="main")
    first = Talk("A", hall=hall).open()
    first.say("The first talk.")
    client = Client(page, {"hall": "main"}, url=server)
    client.until("model.room === 'A' && model.sentenceAt(1, 0)")
    assert page.evaluate("captions.model.title") == first.room.title
    Room.objects.filter(code="A").update(hall=None)
    second = Talk("B", hall=hall).open()
    client.until("model.room === 'B' && captions.status === 'live'")
    second.say("The second talk.")
    client.until("model.sentenceAt(1, 0)")
    assert client.texts() == ["The second talk."]


@pytest.mark.parametrize(
    ("code", "reason", "known_as"),
    [
        (1008, "room_not_found", "room_not_found"),
        (1008, "", "1008"),
        (4403, "", "4403"),
        (4000, "gone", "gone"),
    ],
)
def test_refusal_is_final_and_says_why(page: Page, server: str, code: int, reason: str, known_as: str):
    script = Script(page, closes(code, reason))
    client = Client(page, {"room": "A"})
    client.until("captions.status === 'refused'")
    assert page.evaluate("captions.code") == known_as
    page.evaluate("dispatchEvent(new Event('online')); document.dispatchEvent(new Event('visibilitychange'))")
    assert len(script.urls) == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [(1012, ""), (1012, "draining"), (1013, "Too slow"), (1011, ""), (1000, ""), (1008, "too_many_messages")],
)
def test_everything_else_is_worth_coming_back_for_ever_later_and_behind_what_is_known(
    page: Page, server: str, code: int, reason: str
):
    back = begins(sentence(6, 1, "Two."), resumed=True, en=6, de=2)
    ends = closes(code, reason)
    script = Script(page, [*begins(sentence(5, 0, "One."), en=5, de=2), *ends], ends, ends, ends, back)
    client = Client(page, {"room": "A"})
    client.until("model.sentenceAt(1, 1) && captions.status === 'live'")
    assert client.texts() == ["One.", "Two."]
    assert len(script.urls) == 5
    assert all("after=en%3A5%2Cde%3A2" in url for url in script.urls[1:])


def test_beginning_that_breaks_off_is_asked_for_from_the_beginning(page: Page, server: str):
    breaks_off = [*says(hello(), sentence(9, 0, "Corrected.")), *closes(1012)]
    whole = begins(sentence(9, 0, "Corrected."), sentence(2, 1, "Two."), en=9)
    script = Script(page, breaks_off, whole)
    client = Client(page, {"room": "A"})
    client.until("captions.status === 'live'")
    assert "after=&" in f"{script.urls[1]}&"
    assert client.texts() == ["Corrected.", "Two."]


def test_gap_is_asked_for_and_nothing_of_it_is_missing_or_doubled(page: Page, server: str):
    script = Script(page, begins(sentence(1, 0, "One."), en=1))
    client = Client(page, {"room": "A"})
    client.until("captions.status === 'live'")
    script.say(sentence(3, 2, "Three."), sentence(4, 3, "Four."))
    assert script.asked == [{"type": "resume", "after": {"en": 1}}]
    script.say(
        hello(resumed=True),
        sentence(2, 1, "Two."),
        sentence(3, 2, "Three."),
        sentence(4, 3, "Four."),
        reached(en=4),
    )
    client.until("model.versions.en === 4 && told.filter((each) => each.type === 'versions').length === 2")
    assert client.texts() == ["One.", "Two.", "Three.", "Four."]
    assert client.said_twice() == []


def test_another_language_keeps_what_was_spoken_and_takes_nothing_that_is_older_than_the_answer(
    page: Page, server: str
):
    script = Script(
        page,
        begins(sentence(1, 0, "One."), sentence(1, 0, "Eins.", lang="de", of_version=1), en=1, de=1),
    )
    client = Client(page, {"room": "A"})
    client.until("captions.status === 'live'")
    assert client.texts() == ["Eins."]
    page.evaluate("captions.setLang('pt')")
    assert client.texts() == ["One."]
    script.say(sentence(2, 1, "of before", lang="de"), reached(en=1, de=2))
    assert script.asked == [{"type": "lang", "lang": "pt", "after": {"en": 1}}]
    script.say(
        hello(resumed=True, lang="pt"), sentence(1, 0, "Um.", lang="pt", of_version=1), reached(en=1, pt=1)
    )
    client.until("model.versions.pt === 1")
    assert client.texts() == ["Um."]
    assert page.evaluate("captions.model.versions") == {"en": 1, "pt": 1}


def test_older_sentences_are_asked_for_before_the_oldest_and_an_end_is_known(page: Page, server: str):
    script = Script(page, begins(sentence(9, 5, "Six."), en=9))
    client = Client(page, {"room": "A"})
    client.until("captions.status === 'live'")
    page.evaluate("captions.history(2)")
    script.say(sentence(4, 3, "Four."), sentence(5, 4, "Five."), {"type": "history", "count": 2})
    client.until("told.some((each) => each.type === 'history')")
    assert script.asked == [{"type": "history", "before": {"part": 1, "index": 5}, "count": 2}]
    assert not page.evaluate("captions.model.complete")
    page.evaluate("captions.history(9)")
    script.say({"type": "history", "count": 0})
    client.until("model.complete")
    assert client.texts() == ["Four.", "Five.", "Six."]


def test_whatever_a_server_says_breaks_nothing_and_fills_no_memory(page: Page, server: str):
    script = Script(page, begins(en=0))
    client = Client(page, {"room": "A"})
    client.until("captions.status === 'live'")
    for text in (
        "", "null", "[]", "7", "{", '{"type": "__proto__"}', '{"type": "constructor"}', '{"type": "sentence"}',
        '{"type": "versions", "versions": 7}', '{"type": "state"}', '{"type": "partial"}', '{"type": "draft", "lang": "de"}',
        '{"type": "hello"}' * 2, "x" * (1 << 21),
    ):  # fmt: skip
        script.send(text)
    for lang in ("__proto__", "constructor", "x" * 99, 7, None):
        script.say(sentence(1, 0, "no language", lang=lang))
    for place in ({"part": -1}, {"part": 1.5}, {"part": "1"}, {"part": 1e300}):
        script.say({**sentence(1, 0, "no place"), **place})
    script.say(hello(), reached(en=0), sentence(1, 0, "x" * 100_000), sentence(2, 1, "Last."))
    client.until("model.sentenceAt(1, 1)")
    assert [len(text) for text in client.texts()] == [10_000, 5]
    assert page.evaluate("Object.keys(captions.model.versions)") == ["en"]
    assert page.evaluate("({}).version") is None
    page.evaluate("""async () => {
      const { Sentences } = await import("/static/js/sentences.js");
      window.many = new Sentences();
      for (let index = 0; index < 30_000; index++) many.put({ type: "sentence", lang: "en", version: index, part: 1, index });
    }""")
    assert page.evaluate("[many.first.index, many.full]") == [10_000, True]


READ_LATER = """async () => {
  const [{ connect }, { Reading }] = await Promise.all([import("/static/js/captions.js"), import("/static/js/reading/reading.js")]);
  window.captions = connect({ room: "A" }, { lang: "de", pingEveryMs: 1e9 });
  window.reading = new Reading(captions, () => ({ pace: "fast", original: "off", offset_s: 60 }));
  window.shown = [];
  reading.addEventListener("text", ({ detail: { changed } }) => shown.push(...changed.map((item) => item.text)));
}"""
ITEMS = "() => [...reading.items()].map((item) => item.text)"


def test_who_reads_later_is_shown_each_piece_of_a_sentence_and_its_translation_when_they_are_due(
    page: Page, server: str
):
    page.clock.install()
    script = Script(page, begins(en=0, de=0))
    page.evaluate(READ_LATER)
    steps = (
        sentence(1, 0, "A long one,", ends=False),
        sentence(2, 1, "in two pieces."),
        sentence(1, 0, "Ein langer in zwei Teilen.", lang="de", of_version=1, ends=False),
        sentence(2, 1, "", lang="de", of_version=2),
    )
    for step, message in enumerate(steps):  # one each 20 s: all of it is known before the first is due
        script.say(message)
        known = f"captions.model.versions.{message['lang']} === {message['version']}"
        page.evaluate(UNTIL % known, [EVENTS])
        if step < 2:
            page.clock.run_for(20_000)
    assert page.evaluate(ITEMS) == []
    page.clock.run_for(22_000)
    assert page.evaluate(ITEMS) == ["A long one,"]
    page.clock.run_for(20_000)
    assert page.evaluate(ITEMS) == ["A long one, in two pieces."]
    page.clock.run_for(20_000)
    assert page.evaluate(ITEMS) == ["Ein langer in zwei Teilen."]
    assert page.evaluate("shown.at(0)") == "A long one,"


def test_what_is_shown_is_ones_own_language_where_it_is_whole_and_current(page: Page, server: str):
    script = Script(page, begins(en=0, de=0))
    client = Client(page, {"room": "A"})
    client.until("captions.status === 'live'")
    script.say(
        sentence(1, 0, "A long one,", ends=False),
        {
            "type": "partial",
            "lang": "en",
            "part": 1,
            "index": 1,
            "start_ms": 900,
            "confirmed": "in two",
            "tentative": " p",
        },
        sentence(1, 0, "Ein langer in zwei Teilen.", lang="de", of_version=1, ends=False),
    )
    client.until("model.versions.de === 1")
    assert page.evaluate("captions.model.partial.confirmed") == "in two"
    script.say(sentence(2, 1, "in two pieces."))
    assert client.texts() == ["A long one, in two pieces."]  # not all of it is translated
    script.say(sentence(2, 1, "", lang="de", of_version=2))
    assert client.texts() == ["Ein langer in zwei Teilen."]
    assert page.evaluate("captions.model.partial") is None
    whole = page.evaluate("captions.model.sentenceAt(1, 1)")
    assert (whole["index"], whole["last_index"], whole["original"]) == (0, 1, "A long one, in two pieces.")
    script.say(sentence(3, 1, "in two parts."))
    client.until("model.versions.en === 3")
    assert client.texts() == ["A long one, in two parts."]
    script.say({"type": "removed", "lang": "en", "version": 4, "part": 1, "index": 1})
    script.say({"type": "removed", "lang": "en", "version": 5, "part": 1, "index": 0})
    script.say({"type": "removed", "lang": "de", "version": 3, "part": 1, "index": 0})
    client.until("model.versions.de === 3")
    assert client.texts() == []
    draft = {
        "type": "draft",
        "lang": "de",
        "part": 1,
        "index": 2,
        "start_ms": 0,
        "of_chars": 4,
        "confirmed": "Das",
        "tentative": "",
    }
    script.say(draft, sentence(6, 2, "That."))
    client.until("model.versions.en === 6")
    assert page.evaluate("captions.model.draft.confirmed") == "Das"
    script.say(sentence(4, 2, "Das.", lang="de", of_version=6))
    client.until("model.versions.de === 4")
    assert page.evaluate("captions.model.draft") is None
