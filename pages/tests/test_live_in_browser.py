"""An operator at work, in a real Chromium: host and reader in browsers of their own."""

import pytest
from playwright.sync_api import Page, expect

from asr.models import Worker
from asr.tests.make import slots
from ops import browser as drive
from pages.tests.conftest import ADMIN_PASSWORD, HOST_PASSWORD, NewContext, watch
from rooms.models import Event, Hall
from rooms.tests.make import room
from transcripts.models import Part
from transcripts.services import NewSentence, add_sentences

pytestmark = pytest.mark.browser


@pytest.fixture
def talk(server):
    slots(5)
    hall = Hall.objects.create(event=Event.objects.get(from_settings=True), name="Saal 1", slug="saal-1")
    return room("TALK", hall=hall, title="Signs & speech")


@pytest.fixture
def operator(new_context: NewContext, talk):
    opened = new_context(viewport=drive.PHONE)
    drive.sign_in(opened, ADMIN_PASSWORD)
    page = opened.new_page()
    errors = watch(page)
    page.goto("/live")
    yield page
    assert not errors


@pytest.fixture
def host(new_context: NewContext, talk) -> Page:
    """Somebody on air, in a browser with a microphone that beeps."""
    opened = new_context(viewport=drive.PHONE, permissions=["microphone"])
    drive.sign_in(opened, HOST_PASSWORD)
    page = opened.new_page()
    page.goto("/room/TALK/host")
    page.get_by_label("Which one").wait_for()
    page.get_by_label("Yes: the text and its").check()
    page.get_by_label("No: only who signs in").check()
    page.get_by_role("button", name="Start captions").click()
    page.get_by_role("button", name="Pause").wait_for()
    return page


def test_an_operator_writes_to_the_host_and_closes_the_room_and_everybody_hears_of_it(
    host: Page, operator: Page, new_context: NewContext
):
    reader = new_context(viewport=drive.PHONE).new_page()
    reader.goto("/room/TALK")
    add_sentences(part=Part.objects.get(), sentences=[NewSentence(0, 900, "Good afternoon.")])
    expect(reader.get_by_text("Good afternoon.").first).to_be_visible()
    card = operator.locator("[data-room=TALK]")
    expect(card.get_by_text("with the shared password")).to_be_visible()

    card.get_by_role("button", name="Message: Signs & speech").press("Enter")
    operator.get_by_role("button", name="Five minutes left.").click()
    operator.get_by_role("button", name="Send").press("Enter")
    expect(card.get_by_text("not read yet")).to_be_visible()
    expect(host.get_by_text("Five minutes left.")).to_be_visible()
    host.locator("#messages button").click()
    expect(card.get_by_text("· read", exact=False)).to_be_visible()

    close = card.get_by_role("button", name="Close: Signs & speech")
    close.press("Enter")
    expect(operator.get_by_role("heading", name="Close “Signs & speech”?")).to_be_visible()
    operator.keyboard.press("Escape")
    expect(close).to_be_focused()
    close.press("Enter")
    operator.get_by_role("button", name="Close the room").press("Enter")
    expect(operator.get_by_text("The room is being closed.")).to_be_visible()
    expect(host.get_by_text("The room was closed.")).to_be_visible()
    expect(reader.get_by_text("The captions have ended")).to_be_visible()
    expect(card.get_by_text("Closing")).to_be_visible()
    expect(close).to_be_hidden()


def test_an_outage_is_said_with_the_age_of_what_is_shown_and_passes_by_itself(operator: Page):
    expect(operator.get_by_text("nobody has opened the room")).to_be_visible()
    operator.clock.install()
    operator.reload()
    operator.route("**/api/live", lambda route: route.abort())
    operator.clock.run_for(15_000)
    expect(operator.get_by_text("No connection since")).to_be_visible()
    expect(operator.locator("#board.old")).to_be_visible()
    Worker.objects.update(slots=4)
    operator.unroute("**/api/live")
    operator.clock.run_for(4_000)
    expect(operator.get_by_text("No connection since")).to_be_hidden()
    expect(operator.get_by_text("0 of 4 recognisers in use")).to_be_visible()
