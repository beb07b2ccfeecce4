"""Times on the pages are those of the event, wherever the server and its settings are."""

from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from ops.showcase import rows
from rooms.models import Event
from transcripts.models import Part

pytestmark = pytest.mark.django_db(transaction=True)
ZONE = ZoneInfo("Asia/Kathmandu")  # a quarter of an hour off every other


@pytest.fixture
def client(settings):
    settings.SECURE_SSL_REDIRECT = False
    rows.prepare()
    Event.objects.update(time_zone=ZONE.key)
    return Client(headers={"Accept": "text/html"})


@pytest.mark.parametrize("path", ["/transcripts", "/room/ENDED/transcript"])
def test_a_transcript_began_when_it_did_in_its_event(client, path):
    began = Part.objects.get(room__code="ENDED").started_at.astimezone(ZONE)
    assert f"{began:%H:%M}" in client.get(path).content.decode()


def test_days_are_written_as_most_of_the_world_does(client):
    began = Part.objects.get(room__code="ENDED").started_at.astimezone(ZONE)
    assert f"{began.day} {began:%B %Y}" in client.get("/room/ENDED/transcript").content.decode()
    german = client.get("/room/ENDED/transcript", headers={"Accept-Language": "de"}).content.decode()
    assert f"{began.day}. " in german
