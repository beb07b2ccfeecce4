"""An operator at work, in a real Chromium: host and reader are sockets of other browsers."""

import pytest
from playwright.sync_api import Page, expect

from asr.models import Worker
from asr.tests.make import slots
from ops import browser as drive
from pages.tests.conftest import ADMIN_PASSWORD, HOST_PASSWORD, NewContext, watch
from rooms.models import Event, Hall
from rooms.tests.make import room

pytestmark = pytest.mark.browser
LISTEN = """path => {
  const socket = new WebSocket(location.origin.replace("http", "ws") + path);
  window.heard = [];
  socket.onmessage = event => window.heard.push(JSON.parse(event.data));
  socket.onclose = event => { window.gone = [event.code, event.reason]; };
}"""


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
def host(new_context: NewContext, talk, server) -> Page:
    opened = new_context(bypass_csp=True)  # Playwright evaluates what it waits for
    cookies = {
        "authenticated": HOST_PASSWORD,
        "TALK-allow_store": "true",
        "TALK-allow_client_download": "true",
    }
    opened.add_cookies([{"name": name, "value": value, "url": server} for name, value in cookies.items()])
    page = opened.new_page()
    page.goto("/")
    page.evaluate(LISTEN, "/room/TALK/host/en/en")
    page.wait_for_function("window.heard.some(message => message.info?.connection_id)")
    return page


def test_an_operator_writes_to_the_host_and_closes_the_room_and_everybody_hears_of_it(
    host: Page, operator: Page, new_context: NewContext
):
    reader = new_context(bypass_csp=True).new_page()
    reader.goto("/")
    reader.evaluate(LISTEN, "/captions/TALK?lang=en")
    reader.wait_for_function("window.heard.some(message => message.type === 'hello')")
    card = operator.locator("[data-room=TALK]")
    expect(card.get_by_text("with the shared password")).to_be_visible()

    card.get_by_role("button", name="Message: Signs & speech").press("Enter")
    operator.get_by_role("button", name="Five minutes left.").click()
    operator.keyboard.press("Tab")
    operator.get_by_role("button", name="Send").press("Enter")
    expect(card.get_by_text("not read yet")).to_be_visible()
    host.wait_for_function("window.heard.some(message => message.error?.message === 'Five minutes left.')")

    close = card.get_by_role("button", name="Close: Signs & speech")
    close.press("Enter")
    expect(operator.get_by_role("heading", name="Close “Signs & speech”?")).to_be_visible()
    operator.keyboard.press("Escape")
    expect(close).to_be_focused()
    close.press("Enter")
    operator.get_by_role("button", name="Close the room").press("Enter")
    expect(operator.get_by_text("The room is being closed.")).to_be_visible()
    host.wait_for_function("window.gone")
    assert host.evaluate("window.gone") == [1003, "Room closed"]
    reader.wait_for_function("window.heard.some(message => message.state === 'closed')")
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
