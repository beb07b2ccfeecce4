"""The admin: engines with state and speed, languages of rooms, retry, pins."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from translation.models import Demand, EngineState, Job, PairState, PinnedLanguage, RoomTranslation
from translation.tests.make import demand, read, say, spoken_part
from translation.work import work_next

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Client:
    User.objects.create_superuser("organiser", password="admin-password")
    client = Client()
    assert client.login(username="organiser", password="admin-password")
    return client


def test_engines_are_shown_with_state_latency_and_pairs_and_can_be_used_again(admin):
    now = timezone.now()
    EngineState.objects.create(
        name="libretranslate",
        opened_at=now,
        failures=3,
        last_error="timeout",
        pairs=[["en", "de"]],
        latency_s=0.25,
    )
    page = admin.get("/admin/translation/enginestate/").content.decode()
    assert "circuit open for" in page
    assert "250 ms" in page
    assert "timeout" in page
    row = EngineState.objects.get()
    admin.post(
        "/admin/translation/enginestate/", {"action": "use_again", "_selected_action": [row.pk]}, follow=True
    )
    row.refresh_from_db()
    assert (row.opened_at, row.failures) == (None, 0)


@pytest.mark.usefixtures("scripted")
def test_a_language_that_was_given_up_is_tried_again(admin):
    part = spoken_part()
    say(part, "One.")
    demand(part, "de")
    job = Job.objects.create(
        room_id=part.room_id, lang="de", last_error="failed", refused={f"{part.pk}:0:1": 3}
    )
    page = admin.get("/admin/translation/job/").content.decode()
    assert "given up" in page
    admin.post("/admin/translation/job/", {"action": "retry", "_selected_action": [job.pk]}, follow=True)
    assert work_next("test")
    assert read(part, "de") == {0: "[de] One."}


def test_a_language_is_pinned(admin):
    part = spoken_part()
    answer = admin.post(
        "/admin/translation/pinnedlanguage/add/", {"room": part.room_id, "lang": "de"}, follow=True
    )
    assert "No engine of this room translates en into de at present." in answer.content.decode()
    assert list(PinnedLanguage.objects.values_list("room_id", "lang")) == [(part.room_id, "de")]


@pytest.mark.parametrize("name", ["job", "demand", "pinnedlanguage", "pairstate"])
def test_lists_ask_the_database_as_often_for_three_rows_as_for_one(
    admin, name, django_assert_max_num_queries
):
    counts = []
    for number in range(3):
        part = spoken_part(f"HALL{number}")
        demand(part, "de")
        PinnedLanguage.objects.create(room=part.room, lang="de")
        Job.objects.create(room=part.room, lang="de")
        PairState.objects.create(engine="libretranslate", source="en", target=f"d{number}")
        with django_assert_max_num_queries(20) as asked:
            assert admin.get(f"/admin/translation/{name}/").status_code == 200
        counts.append(len(asked))
    assert counts[0] == counts[2]
    assert Demand.objects.count() == 3


def test_engines_of_a_room_are_typed_in_their_order_and_known(admin, env):
    env(translation_engines=["bergamot", "scripted"])
    part = spoken_part()
    values = {
        "room": part.room_id,
        "engines": "scripted, nobody",
        "formality": "formal",
        "chars_per_day": "5000",
    }
    refused = admin.post("/admin/translation/roomtranslation/add/", values).content.decode()
    assert "Not an engine of this deployment: nobody. There are: bergamot, scripted." in refused
    admin.post("/admin/translation/roomtranslation/add/", {**values, "engines": "scripted, bergamot"})
    row = RoomTranslation.objects.get()
    assert (row.engines, row.formality, row.chars_per_day) == (["scripted", "bergamot"], "formal", 5000)
    page = admin.get(f"/admin/translation/roomtranslation/{part.room_id}/change/").content.decode()
    assert 'value="scripted, bergamot"' in page
    admin.post(f"/admin/translation/roomtranslation/{part.room_id}/change/", {"engines": "", "formality": ""})
    row.refresh_from_db()
    assert (row.engines, row.chars_per_day) == ([], None)
