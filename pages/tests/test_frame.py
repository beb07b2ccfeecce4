"""What every page has: the frame, languages, colours, policy, failures, signing in."""

import contextlib
import re
from uuid import UUID

import pytest
from django.test import Client, RequestFactory

from config.content_policy import content_policy
from pages.failures import server_error
from pages.tests.conftest import ADMIN_PASSWORD, HOST_PASSWORD

pytestmark = pytest.mark.django_db
HTML = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def client(settings):
    settings.SECURE_SSL_REDIRECT = False
    return Client(headers=HTML)


def post_login(client, password, **more):
    return client.post("/login/form", {"password": password, **more})


def test_a_browser_gets_a_page_where_a_client_of_the_wire_gets_its_refusal(client):
    assert "<form" in client.get("/login").content.decode()
    refused = client.get("/login", headers={"Accept": "*/*"})
    assert refused.status_code == 405
    assert refused.json() == {"status": "fail", "detail": "Method not allowed"}


def test_the_policy_allows_nothing_inline_and_nothing_from_other_hosts(client):
    policy = client.get("/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def counted_by(settings, url="https://umami.example"):
    """As with STATISTICS_URL set."""
    settings.ENV = settings.ENV.model_copy(
        update={"statistics_url": url, "statistics_website_id": UUID(int=7)}
    )
    settings.CONTENT_SECURITY_POLICY = content_policy(url)


def test_nobody_counts_visits_unless_an_umami_is_named(client, settings):
    assert "data-website-id" not in client.get("/").content.decode()
    counted_by(settings)
    answer = client.get("/")
    html, policy = answer.content.decode(), answer["Content-Security-Policy"]
    [script] = re.findall(r"<script[^>]*data-website-id[^>]*>", html)
    assert 'src="https://umami.example/script.js"' in script
    assert f'data-website-id="{UUID(int=7)}"' in script
    assert 'data-exclude-search="true"' in script
    assert "script-src 'self' https://umami.example;" in f"{policy};"
    assert "connect-src 'self' https://umami.example;" in f"{policy};"
    assert "unsafe" not in policy


def test_who_is_signed_in_is_not_counted(client, settings):
    counted_by(settings)
    post_login(client, HOST_PASSWORD)
    assert "data-website-id" not in client.get("/").content.decode()


@pytest.mark.parametrize("path", ["/", "/login", "/logout", "/nowhere"])
def test_no_page_has_code_or_style_inside(client, path):
    html = client.get(path).content.decode()
    assert not re.search(r"<script(?![^>]*(src=|application/json))", html)
    assert not re.search(r"<[^>]+\s(style|on\w+)=", html)
    assert "<style" not in html


def test_pages_speak_the_language_of_the_browser_until_another_is_chosen(client):
    german = {"Accept-Language": "de-AT,de;q=0.9"}
    for path in ("/", "/login", "/logout"):
        assert '<html lang="de"' in client.get(path, headers=german).content.decode()
    assert (
        client.post("/language", {"language": "en", "next": "/login"}, headers=german)["Location"] == "/login"
    )
    assert '<html lang="en"' in client.get("/", headers=german).content.decode()


def test_wires_answer_the_same_bytes_in_every_language(client):
    answer = client.get("/room_list", headers={"Accept-Language": "de"})
    assert "Content-Language" not in answer
    assert "Accept-Language" not in answer.get("Vary", "")


def test_colours_are_remembered_and_never_lead_to_another_host(client):
    answer = client.post("/theme", {"theme": "dark", "next": "https://evil.example/"})
    assert answer["Location"] == "/"
    assert 'data-theme="dark"' in client.get("/").content.decode()
    client.post("/theme", {"theme": "<b>", "next": "/"})
    assert 'data-theme="dark"' in client.get("/").content.decode()


def test_a_host_signs_in_with_the_password_alone_and_out_again(client):
    assert post_login(client, HOST_PASSWORD, next="/room/X/host")["Location"] == "/room/X/host"
    assert "Signed in as host" in client.get("/").content.decode()
    assert client.post("/logout")["Location"] == "/"
    assert "Signed in as" not in client.get("/").content.decode()


def test_signing_in_never_leads_to_another_host(client):
    assert post_login(client, HOST_PASSWORD, next="//evil.example/")["Location"] == "/"


def test_a_wrong_password_says_what_to_do_and_signs_nobody_in(client):
    answer = post_login(client, "wrong")
    assert answer.status_code == 403
    assert "This password is not right" in answer.content.decode()
    assert "Signed in as" not in client.get("/").content.decode()


def test_who_guesses_has_to_wait_and_the_right_password_still_opens(client, settings):
    settings.ENV = settings.ENV.model_copy(update={"login_failures_per_minute": 2})
    statuses = [post_login(client, "wrong").status_code for _ in range(4)]
    assert statuses[-1] == 429
    assert post_login(client, HOST_PASSWORD).status_code == 302


def test_a_user_with_a_password_of_their_own_signs_in_by_name(client, admin_user):
    admin_user.set_password("a long one of her own")
    admin_user.save()
    assert post_login(client, "a long one of her own", name="organiser").status_code == 302
    assert post_login(client, "wrong", name="organiser").status_code == 403


def test_a_session_dies_with_the_password_that_opened_it(client, settings):
    post_login(client, ADMIN_PASSWORD)
    assert "Operations" in client.get("/").content.decode()
    settings.ENV = settings.ENV.model_copy(update={"admin_password": "another one"})
    assert "Operations" not in client.get("/").content.decode()


def test_a_form_of_another_site_signs_nobody_in(settings):
    settings.SECURE_SSL_REDIRECT = False
    strict = Client(enforce_csrf_checks=True, headers=HTML)
    answer = post_login(strict, HOST_PASSWORD)
    assert answer.status_code == 403
    assert "This form has expired" in answer.content.decode()


def test_a_page_that_is_not_there_says_what_to_do_and_programs_get_the_plain_answer(client):
    lost = client.get("/nowhere", headers={"Accept-Language": "de"})
    assert lost.status_code == 404
    assert 'lang="de"' in lost.content.decode()
    plain = client.get("/nowhere", headers={"Accept": "*/*"})
    assert b"<h1>Not Found</h1>" in plain.content


def test_a_failure_of_the_server_is_told_without_asking_postgresql(django_assert_num_queries):
    request = RequestFactory().get("/", headers={**HTML, "Accept-Language": "de"})
    with django_assert_num_queries(0):
        answer = server_error(request)
    assert answer.status_code == 500
    assert "Auf dem Server ist etwas schiefgegangen" in answer.content.decode()
    assert b"<h1>Server Error (500)</h1>" in server_error(RequestFactory().get("/")).content


def test_who_may_not_see_a_page_is_told_who_may(client):
    post_login(client, HOST_PASSWORD)
    answer = client.get("/live")
    assert answer.status_code == 403
    assert "This page is for organisers" in answer.content.decode()


def test_the_manifest_names_icons_that_are_there(client):
    manifest = client.get("/manifest.webmanifest")
    assert manifest["Content-Type"] == "application/manifest+json"
    for icon in manifest.json()["icons"]:
        with contextlib.closing(client.get(icon["src"])) as answer:
            assert answer.status_code == 200, icon
