"""Messages, to the letter."""

import json
import re
from uuid import UUID

import pytest

from gateways.meetings.phrases import Phrase
from gateways.meetings.wire import transcription, uuid7


def test_message_has_the_fields_that_clients_read():
    phrase = Phrase(uuid7(1_700_000_000_000), 100, 900, "Grüß Gott.", 0.87654321)
    said = transcription(phrase, participant_id="ada", epoch_ms=1_700_000_000_100, audio="UklGRg==")
    assert said == (
        f'{{"id":"{phrase.phrase_id}","participant_id":"ada","ts":1700000000100,"text":"Grüß Gott.",'
        '"audio":"UklGRg==","type":"final","variance":0.8765}'
    )
    interim = transcription(Phrase(phrase.phrase_id, 1, 2, "x", None), participant_id="ada", epoch_ms=5)
    assert json.loads(interim) == {
        "id": phrase.phrase_id, "participant_id": "ada", "ts": 5, "text": "x", "audio": "",
        "type": "interim", "variance": 0.5,
    }  # fmt: skip


@pytest.mark.parametrize("sure", [0, 0.0, 1, 1.0, 0.5, 1e-9, 1e-5, 0.1 + 0.2, 0.99999])
def test_variance_is_printed_with_a_decimal_point(sure):
    said = transcription(Phrase("i", 0, 1, "x", sure), participant_id="a", epoch_ms=1)
    assert re.search(r'"variance":\d\.\d+}$', said)


def test_id_is_a_uuid_of_version_7_that_tells_its_time():
    ids = [uuid7(0x0123456789AB) for _ in range(100)]
    assert len(set(ids)) == 100
    for each in map(UUID, ids):
        assert (each.version, each.variant) == (7, "specified in RFC 4122")
        assert each.int >> 80 == 0x0123456789AB
