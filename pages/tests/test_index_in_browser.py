"""The first page in a real Chromium."""

import pytest
from playwright.sync_api import Page, expect

from ops.showcase import rows
from pages.tests.conftest import NewContext
from rooms.models import Room, Vote

pytestmark = pytest.mark.browser
LOOK_AGAIN = "window.dispatchEvent(new Event('online'))"  # as when the network is back


def test_it_brings_itself_up_to_date_and_leaves_alone_what_somebody_uses(page: Page):
    rows.prepare()
    page.goto("/")
    main_hall = page.locator('[data-key="main-hall"]')
    expect(main_hall.get_by_text("Live")).to_be_visible()
    button = page.locator('[data-vote="NEXT"]')
    button.focus()
    Vote.objects.filter(room__code="NEXT").update(count=50)
    Room.objects.filter(code="LIVE").update(title="Another title")
    Room.objects.filter(code="SPEED").update(published=False)
    page.evaluate(LOOK_AGAIN)
    expect(main_hall.get_by_role("link", name="Another title", exact=True)).to_be_visible()
    expect(page.locator('[data-key="SPEED"]')).to_have_count(0)
    expect(button).to_be_focused()
    expect(button).to_contain_text("41")
    page.locator("#q").focus()
    page.evaluate(LOOK_AGAIN)
    expect(button).to_contain_text("50")


def test_a_wish_is_counted_once_and_stays_when_the_page_is_opened_again(page: Page, new_context: NewContext):
    rows.prepare()
    page.goto("/")
    button = page.locator('[data-vote="FILTER"]')
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(button).to_contain_text("13")
    page.reload()
    expect(button).to_have_attribute("aria-pressed", "true")
    elsewhere = new_context().new_page()
    elsewhere.goto("/")
    expect(elsewhere.locator('[data-vote="FILTER"]')).to_have_attribute("aria-pressed", "false")
    button.click()
    expect(button).to_contain_text("12")
    assert Vote.objects.get(room__code="FILTER").count == 12


def test_search_says_what_it_found_and_what_to_do_when_there_is_nothing(page: Page):
    rows.prepare()
    page.goto("/")
    page.locator("#q").fill("hopper")
    expect(page.locator("#found")).to_have_text("1 talk")
    expect(page.locator(".hall:visible")).to_have_count(1)
    page.locator("#q").fill("zebra")
    expect(page.locator("#found")).to_contain_text("No talk matches")
    page.locator("#q").fill("")
    expect(page.locator(".hall:visible")).to_have_count(3)


def test_without_the_server_it_says_how_old_it_is_and_goes_on_when_it_is_back(page: Page):
    rows.prepare()
    page.goto("/")
    page.context.set_offline(True)
    page.evaluate(LOOK_AGAIN)
    expect(page.locator("#stale")).to_contain_text("No connection to the server")
    page.context.set_offline(False)
    expect(page.locator("#stale")).to_be_hidden()
