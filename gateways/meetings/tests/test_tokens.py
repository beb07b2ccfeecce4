"""Tokens: who is let in, and the exact words for everybody else."""

from __future__ import annotations

import base64
import json

import jwt
import pytest

from gateways.meetings.public_keys import KeyNotFound
from gateways.meetings.refusals import refusal
from gateways.meetings.tests.signed import AUDIENCE, KID, private_key, public_pem, token
from gateways.meetings.tokens import verified
from rooms.errors import Unauthenticated


async def known(kid: str) -> str:
    if kid == "broken":
        return "no key at all"
    if kid in (KID, "other"):
        return public_pem(kid).decode()
    raise KeyNotFound


async def claims(said: str) -> dict[str, object]:
    return await verified(said, public_key=known, audiences=["skynet", AUDIENCE])


async def refused(said: str) -> str:
    with pytest.raises(Unauthenticated) as error:
        await claims(said)
    answer = refusal(error.value)
    assert answer.status == 401
    return answer.detail


def unsigned(header: dict[str, object], payload: object = None) -> str:
    parts = [header, payload or {"aud": AUDIENCE}]
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
        + "."
    )


NOT_VERIFIED = f"Failed decoding JWT with public key {KID}"


async def test_token_of_a_known_key_and_audience_is_good():
    assert (await claims(token(consent=True)))["consent"] is True
    assert (await claims(token(aud=["skynet", "else"])))["iss"] == "jigasi"


@pytest.mark.parametrize("said", ["", "x", "a.b.c", "é", "....", unsigned({"alg": "RS256", "kid": 7})])
async def test_what_is_no_token_cannot_be_decoded(said):
    assert await refused(said) == "Failed to decode JWT header"


async def test_token_must_name_its_key():
    assert await refused(token(kid=None)) == "Invalid token. No kid header."


async def test_foreign_key_is_named():
    assert await refused(token(kid="../../etc/passwd")) == "Failed to retrieve public key ../../etc/passwd"


async def test_token_is_good_until_it_expires():
    assert await refused(token(for_s=-1)) == "Expired token."
    await claims(token(exp=None))


@pytest.mark.parametrize("aud", [None, "skynets", ["else"], ""])
async def test_token_must_be_for_us(aud):
    assert await refused(token(aud=aud)) == NOT_VERIFIED


async def test_token_that_another_key_signed_is_foreign():
    assert await refused(token(key=private_key("other"))) == NOT_VERIFIED
    assert await refused(token(kid="other")) == "Failed decoding JWT with public key other"


async def test_signature_must_be_rs256_whatever_the_token_says():
    assert await refused(unsigned({"alg": "none", "kid": KID})) == NOT_VERIFIED
    assert await refused(token(algorithm="RS512")) == NOT_VERIFIED
    secret = jwt.utils.base64url_encode(public_pem()).decode().ljust(64, "x")
    assert await refused(token(key=secret, algorithm="HS256")) == NOT_VERIFIED


async def test_token_that_was_changed_is_foreign():
    header, payload, signature = token().split(".")
    changed = base64.urlsafe_b64encode(b'{"aud":"jitsi","consent":true}').rstrip(b"=").decode()
    assert await refused(f"{header}.{changed}.{signature}") == NOT_VERIFIED
    assert await refused(f"{header}.{payload}.") == NOT_VERIFIED


async def test_token_is_not_good_before_its_time():
    assert await refused(token(nbf=2**40)) == NOT_VERIFIED


async def test_key_that_is_none_lets_nobody_in():
    assert await refused(token(kid="broken")) == "Failed decoding JWT with public key broken"
