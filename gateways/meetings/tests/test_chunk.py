"""What a client sends, to the byte."""

import pytest

from gateways.meetings.chunk import Chunk, parse
from rooms.errors import BadInput

SOUND = bytes(range(100))


@pytest.mark.parametrize("pad", [b"\0", b" "])
def test_header_says_who_speaks_and_is_padded_with_nul_or_spaces(pad):
    assert parse(b"ada|en".ljust(60, pad) + SOUND) == Chunk("ada", "en", SOUND)


@pytest.mark.parametrize(
    ("said", "lang"),
    [(b"en-US", "en"), (b"pt_BR", "pt"), (b"DE", "de"), (b"de | x", "de"), (b"null", "null"), (b"", "")],
)
def test_region_of_a_language_does_not_count(said, lang):
    assert parse((b"ada|" + said).ljust(60, b"\0")).lang == lang


def test_participant_may_be_called_anything_of_sixty_bytes():
    name = "Zoë Ångström 🎤"
    assert parse(f"{name}|fr".encode().ljust(60, b" ") + SOUND).participant_id == name
    whole = parse(b"x" * 57 + b"|en" + SOUND)
    assert (whole.participant_id, whole.lang) == ("x" * 57, "en")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\1",
        b"ada en".ljust(60) + SOUND,
        b"\xff\xfe|en".ljust(60) + SOUND,
        bytes(60) + SOUND,
        bytes(200),
    ],
)
def test_message_without_a_header_is_none(message):
    with pytest.raises(BadInput, match="header_malformed"):
        parse(message)


def test_half_a_message_is_a_header_without_sound():
    assert parse(b"ada|en") == Chunk("ada", "en", b"")


def test_odd_number_of_bytes_loses_its_last_byte():
    assert parse(b"ada|en".ljust(60) + b"abc").audio == b"ab"
    assert parse(b"ada|en".ljust(60) + b"a").audio == b""
