"""Whether a meeting may begin: where the token stands, whose consent is needed, what development may leave out."""

from __future__ import annotations

import pytest

from gateways.meetings.admission import admit, public_keys
from gateways.meetings.refusals import refusal
from gateways.meetings.tests.signed import AUDIENCE, publish, token
from rooms.errors import DomainError


@pytest.fixture(autouse=True)
def _keys(env, tmp_path):
    env(asap_pub_keys_repo_url=str(publish(tmp_path)), asap_pub_keys_auds=[AUDIENCE])
    public_keys.cache_clear()
    yield
    public_keys.cache_clear()


def scope(query: str = "", **headers: str) -> dict[str, object]:
    named = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"query_string": query.encode(), "headers": named}


async def refused(said: dict[str, object]) -> tuple[int, str]:
    with pytest.raises(DomainError) as error:
        await admit(said)
    answer = refusal(error.value)
    return answer.status, answer.detail


async def test_token_stands_in_the_query_or_in_the_header_which_goes_before():
    await admit(scope(f"auth_token={token()}"))
    await admit(scope(authorization=f"Bearer {token()}"))
    await admit(scope("auth_token=nonsense", authorization=f"bearer {token()}"))
    assert await refused(scope(f"auth_token={token()}", authorization="Bearer nonsense")) == (
        401,
        "Failed to decode JWT header",
    )
    await admit(scope(f"auth_token={token()}", authorization="Basic a proxy's"))


async def test_without_a_token_nobody_is_let_in():
    assert await refused(scope()) == (401, "Failed to decode JWT header")
    assert await refused(scope("auth_token=&auth_token=x")) == (401, "Failed to decode JWT header")


@pytest.mark.parametrize("said", [True, 1, "1", "true"])
async def test_where_consent_is_required_the_token_says_so(env, said):
    env(consent_required=True)
    await admit(scope(f"auth_token={token(consent=said)}"))


@pytest.mark.parametrize("said", [None, False, 0, "no", [], {"a": 1}])
async def test_where_consent_is_required_and_not_said_nothing_is_heard(env, said):
    env(consent_required=True)
    query = f"consent=1&auth_token={token(consent=said)}"  # the query is not signed
    assert await refused(scope(query)) == (401, "Invalid token. No consent claim.")


async def test_development_may_do_without_tokens_but_not_without_consent(env):
    env(bypass_authorization=True)
    await admit(scope())
    await admit(scope("auth_token=nonsense"))
    env(consent_required=True)
    assert await refused(scope()) == (401, "Invalid token. No consent claim.")
    await admit(scope("consent=1"))
