"""Captions through a fan-out engine: a server that answers as Centrifugo's HTTP API does, and one that does not."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.db import transaction

from gateways.captions.engine import BATCH_MOST, Engine, newest_only
from rooms.models import Room
from transcripts import live
from transcripts.events import (
    Delays,
    Draft,
    Heard,
    HostError,
    Partial,
    SentenceChanged,
    SentenceRemoved,
    StateChanged,
)

KEY = "api-key"
WITHIN_S = 60


def sentence(version, lang="en"):
    return SentenceChanged(lang, version, 1, 1, version, 0, 0, 1000, 2000, -1, f"Text {version}.")


class Centrifugo(ThreadingHTTPServer):
    """What its documentation says of POST /api/batch: a key in a header, commands in, a reply for each out."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.published, self.batches, self.refuses = [], [], set()
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.goes_on.wait(WITHIN_S)
        known = self.path == "/api/batch" and self.headers["Content-Type"] == "application/json"
        if not known or self.headers["X-API-Key"] != KEY:
            self.answer(401 if known else 404, {})
            return
        self.server.batches.append(len(body["commands"]))
        assert set(body) <= {"commands", "parallel"}
        assert not body["parallel"]
        self.answer(200, {"replies": [self.reply(**command) for command in body["commands"]]})

    def reply(self, publish):
        assert set(publish) == {"channel", "data", "skip_history"}
        assert publish["skip_history"] is True
        if publish["channel"] in self.server.refuses:
            return {"error": {"code": 102, "message": "unknown channel"}}
        self.server.published.append((publish["channel"], publish["data"]))
        return {"publish": {}}

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def centrifugo():
    with Centrifugo() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.goes_on.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def engine(centrifugo):
    made = Engine(centrifugo.url, KEY)
    end = live.publish_through(made.publish)
    yield made
    end()
    centrifugo.goes_on.set()
    assert made.flush(WITHIN_S)
    live.flush()


@pytest.mark.django_db(transaction=True)
def test_what_an_audience_sees_reaches_the_channels_of_its_room_and_languages(engine, centrifugo):
    room = Room.objects.create(code="ENGINE")
    with transaction.atomic():
        transaction.on_commit(
            lambda: live.publish_track(room.pk, "en", [sentence(7), SentenceRemoved("en", 8, 1, 2)])
        )
        transaction.on_commit(lambda: live.publish_track(room.pk, "de", [sentence(3, "de")]))
    live.publish_room(room.pk, Partial("en", 1, 500, "one two three", 8, confirmed_chars=7))
    live.publish_draft(room.pk, Draft("de", 1, 8, 500, 7, "eins zwei", confirmed_chars=9))
    live.publish_room(room.pk, StateChanged("grace", 1, 1, "en", 89.6))
    live.publish_room(room.pk, Delays(transcription_s=1.5))
    live.publish_room(room.pk, Heard(1, "for the captioner alone"))
    live.publish_room(room.pk, HostError("for the host alone"))
    assert engine.flush(WITHIN_S)
    told = [(channel, data["type"]) for channel, data in centrifugo.published]
    assert told == [
        ("captions:ENGINE.en", "sentence"), ("captions:ENGINE.en", "removed"), ("captions:ENGINE.de", "sentence"),
        ("captions:ENGINE.en", "partial"), ("captions:ENGINE.de", "draft"),
        ("captions:ENGINE", "state"), ("captions:ENGINE", "delays"),
    ]  # fmt: skip
    by_type = {(data["type"], data.get("lang")): data for _, data in centrifugo.published}
    assert by_type["sentence", "en"]["version"] == 7
    assert by_type["partial", "en"]["confirmed"] == "one two"
    assert by_type["state", None] == {
        "type": "state",
        "state": "grace",
        "source_lang": "en",
        "grace_left_s": 90,
    }
    assert "alone" not in json.dumps(centrifugo.published)


@pytest.mark.django_db(transaction=True)
def test_while_it_does_not_answer_nobody_waits_and_what_waits_is_sent_in_few_requests(engine, centrifugo):
    room = Room.objects.create(code="ENGINE")
    centrifugo.goes_on.clear()
    live.publish_track(room.pk, "en", [sentence(1)])
    for version in range(2, 2 * BATCH_MOST):
        live.publish_track(room.pk, "en", [sentence(version)])  # returns though nothing is taken
    centrifugo.goes_on.set()
    assert engine.flush(WITHIN_S)
    versions = [data["version"] for _, data in centrifugo.published]
    assert versions == sorted(versions)
    assert versions[-1] == 2 * BATCH_MOST - 1
    assert len(centrifugo.batches) <= 4


@pytest.mark.django_db(transaction=True)
def test_one_that_refuses_or_is_gone_costs_its_own_viewers_alone(engine, centrifugo, caplog):
    kept, refused = Room.objects.create(code="KEPT"), Room.objects.create(code="REFUSED")
    centrifugo.refuses.add("captions:REFUSED.en")
    live.publish_track(refused.pk, "en", [sentence(1)])
    live.publish_track(kept.pk, "en", [sentence(1)])
    assert engine.flush(WITHIN_S)
    assert [channel for channel, _ in centrifugo.published] == ["captions:KEPT.en"]
    gone = Engine("http://127.0.0.1:9", KEY)
    gone.publish(kept.pk, [sentence(2)])
    assert gone.flush(WITHIN_S)
    wrong_key = Engine(centrifugo.url, "another")
    wrong_key.publish(kept.pk, [sentence(2)])
    assert wrong_key.flush(WITHIN_S)
    assert len(centrifugo.published) == 1
    messages = {record.getMessage() for record in caplog.records}
    assert messages == {"fan-out engine refuses messages", "captions not given to the fan-out engine"}
    assert "Text" not in caplog.text


def test_what_is_replaced_is_left_out_and_what_is_durable_never_is():
    first, second = (Partial("en", 1, 500, text, 4) for text in ("one", "one two"))
    other = Partial("en", 1, 500, "of another room", 4)
    batch = [
        (1, sentence(1)),
        (1, first),
        (2, other),
        (1, sentence(2)),
        (1, second),
        (1, SentenceRemoved("en", 3, 1, 1)),
    ]
    assert newest_only(batch) == [batch[0], batch[2], batch[3], batch[4], batch[5]]
