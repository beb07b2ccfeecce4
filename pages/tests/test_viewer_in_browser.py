"""/room/X in a real Chromium: what a reader who depends on captions may rely on."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from ops.browser import DESKTOP, PHONE, WITHIN_MS
from ops.faults.stack import free_port
from pages.tests.conftest import pause, shows, watch, web_process
from pages.tests.talk import SENTENCE_MS, Talk
from transcripts.models import Sentence, Track
from transcripts.services import correct_sentence

pytestmark = pytest.mark.browser

# What is in the transcript, one text per sentence, in the order of the page.
TRANSCRIPT = "Array.from(document.querySelectorAll('.sentences .sentence[data-key]:not([hidden]) .stands'), (each) => each.textContent)"

# The same from the first to the last, as who scrolls through it sees it.
READ_THROUGH = """async () => {
  const scroller = document.getElementById("scroller");
  const seen = new Map();
  for (let at = 0; ; at += scroller.clientHeight / 2) {
    scroller.scrollTop = at;
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    for (const each of document.querySelectorAll(".sentences .sentence[data-key]:not([hidden])")) {
      seen.set(Number(each.dataset.key), each.querySelector(".stands").textContent);
    }
    if (scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 2) break;
  }
  return [...seen.keys()].sort((a, b) => a - b).map((key) => seen.get(key));
}"""


# From now on: where each sentence begins in its line, which may never change.
WATCH_COLUMNS = """side => {
  window.moved = [];
  const columns = new Map();
  const look = () => {
    for (const span of document.querySelectorAll("#own .sentence")) {
      const rect = [...span.getClientRects()].find(({ width }) => width > 0);
      if (!rect) continue;
      const known = columns.get(span.dataset.key) ?? rect[side];
      if (Math.abs(known - rect[side]) > 1) window.moved.push([span.textContent, known, rect[side]]);
      columns.set(span.dataset.key, rect[side]);
    }
    requestAnimationFrame(look);
  };
  look();
}"""

# Every layout shift since the page was opened, by what moved.
SHIFTS = """() => new Promise((done) => {
  const name = ({ node, previousRect: from, currentRect: to }) =>
    `${node?.nodeName}.${node?.className ?? node?.data} ${from.x},${from.y} ${from.width}x${from.height} to ${to.x},${to.y} ${to.width}x${to.height}`;
  const found = (list) => list.getEntries().map((each) => `${each.value}: ${each.sources.map(name)}`);
  new PerformanceObserver((list) => done(found(list))).observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => requestAnimationFrame(() => done([])));
})"""


def live(page: Page) -> Page:
    """The page follows the room."""
    expect(page.locator("#state")).to_have_text("Live")
    return page


def until(page: Page, holds: str) -> None:
    """Wait for an expression; Playwright's own waiting would need eval(), which the page's policy forbids."""
    page.evaluate(
        f"""() => new Promise((done) => {{
          const bottom = (selector) => document.querySelector(selector).getBoundingClientRect().bottom;
          const look = () => ({holds}) ? done() : requestAnimationFrame(look);
          look();
        }})"""
    )


def transcript_of(page: Page) -> list[str]:
    return page.evaluate(TRANSCRIPT)


def choose(page: Page, **style: object) -> None:
    """As a reader who chose it on an earlier visit."""
    page.add_init_script(
        f"localStorage.getItem('souffleur.reading') ?? localStorage.setItem('souffleur.reading', JSON.stringify({style}))"
        .replace("True", "true").replace("False", "false")
    )  # fmt: skip


def test_two_readers_read_the_same_talk_each_in_their_language(new_context, page: Page):
    talk = Talk().open()
    first, *_ = talk.say("Good morning.", "Welcome to the talk.")
    talk.translate(first, "pt", "Bom dia.")
    other = new_context(viewport=DESKTOP).new_page()
    errors = watch(other)
    live_page = page.goto("/room/TALK")
    assert "Good morning." in live_page.text(), "the newest text comes with the page"
    live(page)
    other.goto("/room/TALK?lang=pt")
    live(other)
    expect(other.locator("#own .sentence").first).to_have_attribute("lang", "pt")
    expect(other.locator("#own")).to_contain_text("Bom dia. Welcome to the talk.")
    talk.saying("Now it", " began")
    expect(other.locator("#own .pending").last).to_contain_text("Now it began")
    talk.drafting("pt", "Agora", " come")
    expect(other.locator("#own")).to_contain_text("Agora come")
    expect(other.locator("#own")).not_to_contain_text("Now it")
    (third,) = talk.say("Now it begins.")
    expect(page.locator("#own")).to_contain_text("Now it begins.")
    expect(other.locator("#own")).to_contain_text("Agora come")
    talk.translate(third, "pt", "Agora começa.")
    expect(other.locator("#own")).to_contain_text("Agora começa.")
    expect(other.locator("#own")).not_to_contain_text("Now it begins.")
    expect(page.locator("#own")).to_have_text("Good morning. Welcome to the talk. Now it begins. ")

    page.locator("#open-langs").click()
    page.locator("#lang-query").fill("portug")
    page.locator("#lang-list button").click()
    expect(page.locator("#own")).to_contain_text("Agora começa.")
    assert page.url.endswith("lang=pt")
    page.locator("#open-langs").click()
    page.get_by_role("button", name="Below").click()
    page.keyboard.press("Escape")
    expect(page.locator("#spoken")).to_contain_text("Now it begins.")
    page.locator("#view").click()
    last = page.locator(".sentences .sentence").last
    expect(last.locator(".stands")).to_have_text("Agora começa.")
    expect(last.locator(".original")).to_have_text("Now it begins.")
    expect(last.locator(".original")).to_have_attribute("lang", "en")
    correct_sentence(sentence=third, text="Now it really begins.")
    expect(last.locator(".stands")).to_have_text("Now it really begins.")
    talk.delays(2.0)
    expect(page.locator("#figures")).to_contain_text("late")
    talk.close()
    expect(page.locator("#panel")).to_contain_text("The captions have ended")
    expect(page.get_by_role("link", name="Read the whole transcript")).to_be_visible()
    assert not errors, errors


def test_a_long_sentence_that_comes_in_pieces_is_one_in_every_view(new_context, page: Page):
    talk = Talk().open()
    talk.say("Before.")
    choose(page, view="transcript")
    page.goto("/room/TALK")
    live(page)
    large = new_context(viewport=DESKTOP).new_page()
    errors = watch(large)
    large.goto("/room/TALK")
    live(large)
    large.evaluate(WATCH_COLUMNS, "left")
    translated = new_context(viewport=DESKTOP).new_page()
    translated.goto("/room/TALK?lang=pt")
    live(translated)
    lines = page.locator(".sentences .sentence:not([hidden])")
    talk.saying("We print, and", " we")
    expect(lines).to_have_text(["0:00Before.", "We print, and we"])
    pieces = talk.say("We print,", ends=False)
    talk.saying("and we", " are")
    expect(lines).to_have_text(["0:00Before.", "We print, and we are"])
    expect(large.locator("#own")).to_have_text("Before. We print, and we are ")
    expect(translated.locator("#own")).to_have_text("Before. We print, and we are ")
    pieces += talk.say("and we are made", ends=False)
    talk.saying("of", "")
    expect(lines).to_have_text(["0:00Before.", "We print, and we are made of"])
    pieces += talk.say("of lead.")
    talk.saying("Then")
    expect(lines).to_have_text(["0:00Before.", "We print, and we are made of lead.", "Then"])
    expect(large.locator("#own .sentence")).to_have_text(
        ["Before. ", "We print, and we are made of lead. ", "Then "]
    )
    assert large.evaluate("window.moved") == []
    for piece, text in zip(pieces, ("Imprimimos, e somos de chumbo.", "", ""), strict=True):
        talk.translate(piece, "pt", text)
    expect(translated.locator("#own")).to_have_text("Before. Imprimimos, e somos de chumbo. Then ")
    assert not errors, errors


def test_a_steady_reader_of_a_translation_waits_for_the_whole_of_a_long_sentence(page: Page):
    talk = Talk().open()
    (before,) = talk.say("Before.")
    talk.translate(before, "pt", "Antes.")
    choose(page, pace="steady")
    pause(page)
    with page.expect_websocket() as socket:
        page.goto("/room/TALK?lang=pt")
    own = page.locator("#own")
    shows(page, own, "Antes.")

    def arrives(text):
        return socket.value.expect_event("framereceived", lambda frame: text in str(frame))

    with arrives("We print,"):
        (first,) = talk.say("We print,", ends=False)
    with arrives("Imprimimos, e"):
        talk.drafting("pt", "", "Imprimimos, e nós", index=first.index)
    page.clock.run_for(9_000)
    with arrives("of lead."):
        (last,) = talk.say("and we are made of lead.")
    page.clock.run_for(9_000)
    assert own.inner_text() == "Antes."
    talk.translate(first, "pt", "Imprimimos, e somos de chumbo.")
    talk.translate(last, "pt", "")
    shows(page, own, "Antes. Imprimimos, e somos de chumbo.")


def test_who_comes_late_can_read_everything_since_the_start(page: Page):
    talk = Talk().open()
    said = [f"This is sentence number {number}." for number in range(230)]
    talk.say(*said)
    choose(page, view="transcript")
    page.goto("/room/TALK")
    live(page)
    until(
        page,
        "document.getElementById('scroller').scrollTop = 0,"
        "document.querySelectorAll('.chunk[data-first=\"10000000\"] .sentence').length === 20",  # a chunk is 20 sentences
    )
    read = page.evaluate(READ_THROUGH)
    assert read == said
    page.locator("#query").fill("number 117")
    expect(page.locator("#found")).to_have_text("1 found")
    page.keyboard.press("Enter")
    expect(page.locator("#scroller").get_by_text("sentence number 117.")).to_be_in_viewport()


def test_nothing_moves_while_a_reader_reads_further_back(page: Page):
    talk = Talk().open()
    talk.say(
        *(f"Sentence {number} of the beginning, which is long enough to fill a line." for number in range(20))
    )
    choose(page, view="transcript")
    page.goto("/room/TALK")
    live(page)
    page.locator("#scroller").get_by_text("Sentence 19 of").wait_for()
    page.locator("#scroller").hover()
    page.mouse.wheel(0, -400)
    expect(page.locator("#newer")).to_have_text("To the newest line")
    read = page.locator("#scroller").get_by_text("Sentence 8 of")
    read.wait_for()
    where = read.bounding_box()
    for batch in range(10):
        talk.say(*(f"Later sentence {batch * 10 + number}." for number in range(10)))
        talk.saying("And still", f" going on {batch}")
        expect(page.locator("#newer")).to_have_text(f"{batch * 10 + 10} newer lines")
        assert read.bounding_box() == where
    page.locator("#view").click()
    talk.say("Said while the captions were in view.")
    expect(page.locator("#own")).to_contain_text("captions were in view.")
    page.locator("#view").click()
    expect(page.locator("#newer")).to_have_text("101 newer lines")
    assert read.bounding_box() == where
    page.set_viewport_size({"width": 600, "height": 700})
    expect(read).to_be_in_viewport()
    page.locator("#newer").click()
    expect(page.locator("#scroller").get_by_text("captions were in view.")).to_be_in_viewport()
    expect(page.locator("#newer")).to_be_hidden()
    talk.say("The newest.")
    expect(page.locator("#scroller").get_by_text("The newest.")).to_be_in_viewport()


def test_the_place_is_kept_even_where_too_much_was_missed_to_be_replayed(page: Page):
    talk = Talk().open()
    talk.say(*(f"Sentence {number} of the beginning." for number in range(150)))
    choose(page, view="transcript")
    page.goto("/room/TALK")
    live(page)
    page.locator("#scroller").get_by_text("Sentence 149 of").wait_for()
    page.locator("#scroller").hover()
    read = page.locator("#scroller").get_by_text("Sentence 100 of")
    while not read.is_visible() or read.bounding_box()["y"] < 200:
        page.mouse.wheel(0, -300)
        until(page, "true")
    where = read.bounding_box()
    page.context.set_offline(True)
    page.evaluate("dispatchEvent(new Event('offline'))")
    expect(page.locator("#state")).to_contain_text("No connection")
    talk.say(*(f"Missed sentence {number}." for number in range(1100)))
    page.context.set_offline(False)
    page.evaluate("dispatchEvent(new Event('online'))")
    live(page)
    expect(page.locator("#newer")).to_have_text("1100 newer lines")
    assert read.bounding_box() == where
    page.locator("#newer").click()
    expect(page.locator("#scroller").get_by_text("Missed sentence 1099.")).to_be_in_viewport()


def test_lines_that_run_from_right_to_left_do_not_jump_either(page: Page):
    Talk().open()
    page.goto("/room/TALK")
    live(page)
    page.evaluate(
        """async () => {
          const { RollUp } = await import("/static/js/reading/rollup.js");
          const box = document.getElementById("own");
          box.replaceChildren();
          box.dir = "rtl";
          window.rollup = new RollUp(box);
          window.items = [];
        }"""
    )
    page.evaluate(WATCH_COLUMNS, "right")
    for number in range(14):
        text = f"هذه جملة طويلة بعض الشيء رقم {number} من كلام كثير."
        page.evaluate(
            "text => rollup.show(items = [...items.slice(-9), { key: (items.at(-1)?.key ?? 0) + 1, lang: 'ar', text }])",
            text,
        )
    until(page, "bottom('#own .flow') <= bottom('#own') + 2")
    assert page.evaluate("window.moved") == []
    assert page.locator("#own .sentence").count() < 10


def test_a_shorter_text_never_leaves_the_lines_empty(page: Page):
    Talk().open()
    page.goto("/room/TALK")
    live(page)
    page.evaluate(
        """async () => {
          const { RollUp } = await import("/static/js/reading/rollup.js");
          const rollup = new RollUp(document.getElementById("own"));
          const said = (key, text, more) => ({ key, lang: "en", text, ...more });
          rollup.show([said(1, "Beginning.")]);
          rollup.show([said(1, "Beginning."), said(2, "A very long original that has to wait for its translation. ".repeat(6), { pending: true })]);
          rollup.reflow();
          rollup.show([said(1, "Beginning."), said(2, "A short translation.")]);
        }"""
    )
    until(page, "bottom('#own .flow') > document.querySelector('#own').getBoundingClientRect().top + 20")


def test_no_change_of_state_moves_the_lines(page: Page):
    talk = Talk().open()
    talk.say("A line that is being read.")
    page.goto("/room/TALK")
    live(page)
    expect(page.locator("#own")).to_contain_text("being read.")
    where = page.locator("#own").bounding_box()
    talk.delays(2.0, 3.0)
    expect(page.locator("#figures")).to_contain_text("late")
    assert page.locator("#own").bounding_box() == where
    talk.state("grace")
    expect(page.locator("#panel")).to_contain_text("The hall is not heard")
    assert page.locator("#own").bounding_box() == where
    page.context.set_offline(True)
    page.evaluate("dispatchEvent(new Event('offline'))")
    expect(page.locator("#state")).to_contain_text("No connection")
    assert page.locator("#own").bounding_box() == where
    assert page.evaluate(SHIFTS) == [], "layout shift is 0"


@pytest.mark.parametrize(
    ("lang", "words"),
    [("en", "No more translations today"), ("de", "Heute wird nicht mehr übersetzt")],
)
def test_who_reads_a_translation_that_has_stopped_for_the_day_is_told_and_waits_no_more(
    new_context, lang, words
):
    talk = Talk().open()
    talk.say("Before it stopped.")
    own, other = (new_context(viewport=PHONE, lang=lang).new_page() for _ in range(2))
    for page, read in ((own, "pt"), (other, "en")):
        page.goto(f"/room/TALK?lang={read}")
        expect(page.locator("#status")).to_have_attribute("data-state", "live")
    talk.translates_no_more("pt")
    expect(own.locator("#panel")).to_contain_text(words)
    talk.say("Said behind it.")
    expect(own.locator("#own")).to_contain_text("Said behind it.")
    talk.translates_no_more()
    expect(own.locator("#panel")).to_be_hidden()
    expect(other.locator("#panel")).to_be_hidden()


def test_the_readers_choices_are_kept_and_nothing_is_spoken_or_late_unless_asked_for(page: Page):
    talk = Talk().open()
    (said,) = talk.say("This was said before.")
    page.goto("/room/TALK")
    live(page)
    expect(page.locator("#announced")).to_have_attribute("aria-live", "off")
    page.locator("#open-style").click()
    size = page.locator("#own").evaluate("box => getComputedStyle(box).fontSize")
    page.get_by_role("button", name="Larger").click()
    page.get_by_role("button", name="Yellow on black").click()
    page.get_by_label("Let the screen reader speak").check()
    page.get_by_label("Show later, by seconds").fill("170")
    page.keyboard.press("Escape")
    page.clock.install()
    with page.expect_websocket() as connected:
        page.reload()
    live(page)
    expect(page.locator("#own")).to_have_css("color", "rgb(255, 233, 74)")
    assert page.locator("#own").evaluate("box => getComputedStyle(box).fontSize") > size
    with connected.value.expect_event("framereceived", lambda frame: "This was corrected." in frame):
        talk.saying("Said now", " but")
        talk.say("Said now, but shown later.")
        correct_sentence(sentence=said, text="This was corrected.")
    page.clock.fast_forward(100_000)
    live(page)
    expect(page.locator("#own")).not_to_contain_text("Said now")
    page.clock.fast_forward(100_000)
    expect(page.locator("#own")).to_contain_text("Said now, but shown later.")
    expect(page.locator("#announced")).to_have_attribute("aria-live", "polite")
    expect(page.locator("#announced p").last).to_have_text("Said now, but shown later.")
    page.locator("#view").click()
    expect(page.locator(".sentences .sentence").first.locator(".corrected")).to_have_count(1)


def test_a_steady_reader_never_sees_a_word_change(page: Page):
    talk = Talk().open()
    talk.say("This was said before.")
    choose(page, pace="steady", lines=4)
    page.goto("/room/TALK")
    live(page)
    expect(page.locator("#own")).to_contain_text("This was said before.")
    page.evaluate(
        """() => {
          const box = document.getElementById("own");
          window.broken = [];
          let before = box.textContent.trim();
          new MutationObserver(() => {
            const now = box.textContent.trim();
            if (!now.startsWith(before)) window.broken.push([before, now]);
            before = now;
          }).observe(box, { subtree: true, childList: true, characterData: true });
        }"""
    )
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    for at in range(1, len(words)):
        talk.saying(" ".join(words[:at]), " " + " ".join(word.upper() for word in words[at:]))
        expect(page.locator("#own")).to_contain_text(" ".join(words[:at]))
    expect(page.locator("#own .tentative").last).to_be_empty()
    (said,) = talk.say(" ".join(words) + ".")
    expect(page.locator("#own")).to_contain_text("eight.")
    correct_sentence(sentence=said, text="One two three.")
    talk.say("And the next one.")
    expect(page.locator("#own")).to_contain_text("And the next one.")
    assert page.evaluate("window.broken") == []
    page.locator("#view").click()
    expect(page.locator("#scroller")).to_contain_text("One two three.")


def test_words_stay_where_they_are_while_lines_roll_up(page: Page):
    talk = Talk().open()
    talk.say("Here is the beginning of it.")
    page.goto("/room/TALK")
    live(page)
    page.evaluate(WATCH_COLUMNS, "left")
    for number in range(16):
        talk.saying("Sentence", f" nummer {number}, which may")
        talk.say(f"Sentence number {number}, which is said once and stays.")
    expect(page.locator("#own")).to_contain_text("Sentence number 15")
    until(page, "bottom('#own .flow') <= bottom('#own') + 2")
    assert page.evaluate("window.moved") == []
    assert page.locator("#own .sentence").count() < 12, "what has rolled out is taken away"
    shift = page.evaluate(SHIFTS)
    assert shift == [], "layout shift is 0"


def test_the_mark_stays_across_a_reload_and_needs_no_mouse(page: Page):
    talk = Talk().open()
    talk.say("Mark this important word.", "Then look up at the slides.")
    page.goto("/room/TALK")
    live(page)
    expect(page.locator("#own")).to_contain_text("slides.")
    page.locator("#boxes").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("#own mark")).to_have_text("important")
    talk.say(*(f"More text {number}, so that the mark rolls out of sight." for number in range(60)))
    expect(page.locator("#own mark")).to_have_count(0)
    page.reload()
    live(page)
    page.locator("#view").click()
    page.get_by_role("button", name="To my mark").click()
    expect(page.locator("#scroller mark")).to_have_text("important")
    expect(page.locator("#scroller mark")).to_be_in_viewport()
    page.locator("#scroller mark").click()
    expect(page.locator("#scroller mark")).to_have_count(0)
    page.locator("#scroller").get_by_text("Then look up at the slides.").click()
    expect(page.locator("#scroller mark")).to_have_count(1)


def test_a_network_or_a_server_that_goes_away_costs_no_word_and_repeats_none(
    page: Page, transactional_db: None, tmp_path
):
    talk = Talk().open()
    talk.say("Before everything.")
    choose(page, view="transcript")
    port = free_port()
    with web_process(tmp_path / "first.log", port) as (url, child):
        page.goto(f"{url}/room/TALK")
        live(page)
        page.context.set_offline(True)
        page.evaluate("dispatchEvent(new Event('offline'))")
        expect(page.locator("#state")).to_contain_text("No connection")
        talk.say("Said while the network was away.", "And this.")
        page.context.set_offline(False)
        page.evaluate("dispatchEvent(new Event('online'))")
        live(page)
        expect(page.locator("#scroller").get_by_text("And this.")).to_be_visible()
        child.kill()
        child.wait()
        expect(page.locator("#state")).to_contain_text("No connection")
        talk.say("Said while the server was down.")
    with web_process(tmp_path / "second.log", port):
        expect(page.locator("#state")).to_have_text("Live", timeout=2 * WITHIN_MS)
        talk.say("And after it.")
        expect(page.locator("#scroller").get_by_text("And after it.")).to_be_visible()
        assert transcript_of(page) == [
            "Before everything.",
            "Said while the network was away.",
            "And this.",
            "Said while the server was down.",
            "And after it.",
        ]


def test_five_thousand_sentences_are_readable_and_only_those_near_the_view_are_in_the_page(page: Page):
    talk = Talk().open()
    track = Track.objects.get(room=talk.room)
    count = 5000
    Sentence.objects.bulk_create(
        Sentence(
            track=track, part=talk.part, index=index, line=index, position=0, start_ms=index * SENTENCE_MS,
            end_ms=index * SENTENCE_MS + 3000, text=f"Sentence {index} of a very long day.", version=index + 1,
        )
        for index in range(count)
    )  # fmt: skip
    Track.objects.filter(pk=track.pk).update(version=count)
    talk.said = count
    choose(page, view="transcript")
    page.goto("/room/TALK")
    live(page)
    page.locator("#query").fill("Sentence 17 of")
    expect(page.locator("#found")).to_have_text("1 found", timeout=3 * WITHIN_MS)
    page.keyboard.press("Enter")
    expect(page.locator("#scroller").get_by_text("Sentence 17 of a very long day.")).to_be_in_viewport()
    page.evaluate("document.getElementById('scroller').scrollTop = 0")
    expect(page.locator("#scroller").get_by_text("Sentence 0 of a very long day.")).to_be_in_viewport()
    assert page.locator(".sentences .sentence").count() < 400
    talk.say("The newest of all.")
    page.locator("#newer").click()
    expect(page.locator("#scroller").get_by_text("The newest of all.")).to_be_in_viewport()
    assert page.locator(".sentences .sentence").count() < 400
    page.locator("#view").click()
    talk.say(*(f"Captions alone are in view, number {number}." for number in range(500)))
    expect(page.locator("#own")).to_contain_text("number 499.")
    until(page, "document.querySelectorAll('.sentences .sentence').length < 400")


def test_a_talk_that_must_not_be_recorded_says_so(page: Page):
    Talk("SECRET", do_not_record=True)
    assert page.goto("/room/SECRET").status == 403
    expect(page.get_by_role("heading", level=1)).to_have_text("No captions for this talk")
    assert page.goto("/room/NOWHERE").status == 404
