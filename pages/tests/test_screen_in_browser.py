"""/hall/X and /room/X/screen in a real Chromium: screens that nobody tends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from ops.browser import WITHIN_MS
from ops.faults.stack import free_port
from pages.screen import version
from pages.tests.conftest import pause, shows, watch, web_process
from pages.tests.talk import Talk
from rooms.models import Hall
from rooms.seed import settings_event

pytestmark = pytest.mark.browser
PROJECTOR = {"width": 1280, "height": 720}
EVER_SHOWN = """() => {
  window.everShown = [];
  const box = [...document.querySelectorAll(".rollup")].at(-1);
  new MutationObserver(() => window.everShown.push(box.textContent)).observe(box, {childList: true, subtree: true, characterData: true});
}"""


@pytest.fixture
def hall(transactional_db: None) -> Hall:
    return Hall.objects.create(event=settings_event(), name="Saal 1", slug="saal-1")


@pytest.fixture
def screen(new_context) -> Page:
    """A projector's page."""
    opened = new_context(viewport=PROJECTOR).new_page()
    errors = watch(opened)
    yield opened
    assert not errors, errors


def talk_in(hall: Hall, code: str, minutes: int, **room: object) -> Talk:
    """A talk that begins so many minutes from now."""
    starts_at = timezone.now() + timedelta(minutes=minutes)
    return Talk(code, hall=hall, starts_at=starts_at, ends_at=starts_at + timedelta(hours=1), **room)


def test_a_halls_screen_goes_from_talk_to_talk_without_a_hand(screen: Page, hall: Hall):
    first = talk_in(hall, "FIRST", -10, title="The first talk").open()
    second = talk_in(hall, "SECOND", 20, title="Der zweite Vortrag", lang="de")
    screen.goto("/hall/saal-1?lang2=pt")
    spoken, translated = screen.locator(".rollup").first, screen.locator(".rollup").last
    (said,) = first.say("Good morning from the first talk.")
    expect(spoken).to_contain_text("Good morning from the first talk.")
    first.translate(said, "pt", "Bom dia da primeira palestra.")
    expect(translated).to_contain_text("Bom dia da primeira palestra.")
    first.close()
    expect(screen.locator("#between")).to_be_visible(timeout=2 * WITHIN_MS)
    expect(screen.locator("#title")).to_have_text("Der zweite Vortrag")
    expect(screen.locator("#qr")).to_have_attribute("src", "/room/SECOND/qr.svg")
    second.open()
    second.say("Guten Tag aus dem zweiten Vortrag.")
    expect(spoken).to_contain_text("Guten Tag aus dem zweiten Vortrag.", timeout=2 * WITHIN_MS)
    expect(spoken).not_to_contain_text("first talk")
    expect(spoken.locator(".sentence")).to_have_attribute("lang", "de")
    expect(screen.locator("#between")).to_be_hidden()


def test_a_translation_stands_on_a_screen_while_it_is_spoken_and_what_is_spoken_only_when_it_is_certain(
    screen: Page, new_context, hall: Hall
):
    talk = talk_in(hall, "TALK", -5).open()
    (before,) = talk.say("Before.")
    talk.translate(before, "pt", "Antes.")
    strict = new_context(viewport=PROJECTOR).new_page()
    for page, address in ((screen, "lang2=pt"), (strict, "lang=pt&pace=steady")):
        pause(page)
        page.goto(f"/hall/saal-1?{address}")
    spoken, translated = screen.locator(".rollup").first, screen.locator(".rollup").last
    final = strict.locator(".rollup")
    shows(screen, spoken, "Before.")
    shows(screen, translated, "Antes.")
    shows(strict, final, "Antes.")
    screen.evaluate(EVER_SHOWN)
    talk.saying("We print,", " and")
    shows(screen, spoken, "Before. We print,")
    talk.drafting("pt", "", "Imprimimos")
    shows(screen, translated, "Antes. Imprimimos")
    expect(translated.locator(".tentative")).to_have_text(["", "Imprimimos "])
    (first,) = talk.say("We print,", ends=False)
    talk.saying("and we are", " made")
    talk.drafting("pt", "", "Imprimimos, e nós", index=first.index)
    shows(screen, translated, "Antes. Imprimimos, e nós")
    (last,) = talk.say("and we are made of lead.")
    talk.saying("Then it", " is")
    talk.drafting("pt", "", "Então")
    shows(screen, translated, "Antes. Imprimimos, e nós Então")
    strict.clock.run_for(1000)
    assert final.inner_text() == "Antes."
    talk.translate(first, "pt", "Imprimimos, e somos de chumbo.")
    talk.translate(last, "pt", "")
    shows(screen, translated, "Antes. Imprimimos, e somos de chumbo. Então")
    shows(strict, final, "Antes. Imprimimos, e somos de chumbo.")
    assert not [text for text in screen.evaluate("window.everShown") if "We print" in text], "that is spoken"


def test_a_screen_that_was_set_up_before_its_hall_begins_by_itself(screen: Page):
    screen.clock.install()
    answer = screen.goto("/hall/saal-1")
    assert answer.status == 404
    expect(screen.get_by_role("heading")).to_have_text("There is no hall “saal-1” yet")
    hall = Hall.objects.create(event=settings_event(), name="Saal 1", slug="saal-1")
    talk_in(hall, "TALK", -5).open().say("It has begun.")
    with screen.expect_navigation():
        screen.clock.run_for(6000)
    expect(screen.locator(".rollup")).to_contain_text("It has begun.")
    assert screen.goto("/hall/saal-11").status == 404
    expect(screen.get_by_role("link", name="Saal 1")).to_have_attribute("href", "/hall/saal-1")


def test_a_screen_comes_back_with_the_server_and_goes_on(screen: Page, hall: Hall, tmp_path):
    talk = talk_in(hall, "TALK", -5).open()
    talk.say("Before.")
    port = free_port()
    with web_process(tmp_path / "first.log", port) as (url, child):
        screen.goto(f"{url}/hall/saal-1?lines=8")
        expect(screen.locator(".rollup")).to_contain_text("Before.")
        child.kill()
        child.wait()
        expect(screen.locator("#lost")).to_be_visible()
        expect(screen.locator(".rollup")).to_contain_text("Before.")
        talk.say("While the server was away.")
    with web_process(tmp_path / "second.log", port):
        talk.say("After.")
        expect(screen.locator(".rollup")).to_have_text(
            "Before. While the server was away. After. ", timeout=2 * WITHIN_MS
        )
        expect(screen.locator("#lost")).to_be_hidden()


def test_a_new_version_is_loaded_at_a_quiet_moment(screen: Page, hall: Hall):
    screen.clock.install()
    screen.goto("/hall/saal-1")
    expect(screen.locator("#panes")).to_be_visible()
    answers = iter([version(), "another"])
    screen.route(
        "**/api/screen/version", lambda route: route.fulfill(json={"version": next(answers, version())})
    )
    screen.evaluate("window.stillThere = true")
    with screen.expect_response("**/api/screen/version"):
        screen.clock.fast_forward(61_000)
    assert screen.evaluate("window.stillThere"), "the same version: nothing happens"
    with screen.expect_navigation():
        screen.clock.fast_forward(61_000)
    assert screen.evaluate("window.stillThere") is None


def test_the_address_says_how_a_screen_looks(screen: Page, hall: Hall):
    talk_in(hall, "TALK", -5).open().say("An overlay.")
    screen.goto(
        "/room/TALK/screen?lines=3&size=5&margin=10&ink=%23ffee00&opacity=50&align=top&paper=%23102030"
    )
    box = screen.locator(".rollup")
    expect(box).to_contain_text("An overlay.")
    expect(screen.locator("body")).to_have_css("background-color", "rgba(0, 0, 0, 0)")
    expect(box).to_have_css("color", "rgb(255, 238, 0)")
    expect(box).to_have_css("font-size", "36px")
    assert box.bounding_box() == {
        "x": 128,
        "y": 72,
        "width": 1024,
        "height": pytest.approx(36 * 1.3 * 3, abs=1),
    }

    answer = screen.goto("/hall/saal-1?size=900&lang=xx&lines=2'onload=")
    assert answer.status == 400
    expect(screen.get_by_role("alert")).to_be_visible()
    screen.get_by_label("Size of the letters").fill("9")
    screen.get_by_label("Language", exact=True).select_option("spoken")
    screen.get_by_label("Lines").fill("2")
    screen.get_by_role("button", name="Open the screen").click()
    expect(screen.locator(".rollup")).to_contain_text("An overlay.")
    assert "size=9" in screen.url
