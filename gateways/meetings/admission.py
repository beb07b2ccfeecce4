"""Whether a meeting may begin: a token, or a host's session on a page of ours; and consent, where it is required."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, Final
from urllib.parse import parse_qs

from django.conf import settings

from gateways.common.consent import require_consent
from gateways.common.keys import key_in
from gateways.common.origin import origin_allowed
from gateways.meetings import tokens
from gateways.meetings.public_keys import PublicKeys, fetcher
from rooms.database_threads import handshakes
from rooms.errors import DomainError
from rooms.web_session import identify_session

SAID: Final = (True, 1, "1", "true")


async def admit(scope: Mapping[str, Any]) -> Callable[[], object] | None:
    """What to ask now and then whether the login still holds: of a page's session. None: a token counts when it is shown.

    Raises Unauthenticated (tokens.WORDS), Forbidden (`consent_required`), DomainError (`not_ready`).
    """
    query = parse_qs(scope.get("query_string", b"").decode("ascii", "replace"))
    token = key_in(scope["headers"]) or query.get("auth_token", [""])[0]
    said = query.get(tokens.CONSENT_CLAIM, [""])[0] in SAID
    by_page = None if token else await _session_of_our_page(scope)
    if by_page is None and not settings.ENV.bypass_authorization:
        claims = await tokens.verified(
            token, public_key=public_keys().get, audiences=settings.ENV.asap_pub_keys_auds
        )
        said = claims.get(tokens.CONSENT_CLAIM) in SAID
    require_consent(said=said)
    return None if by_page is None else partial(identify_session, by_page)


@cache
def public_keys() -> PublicKeys:
    """As the settings say where they are."""
    env = settings.ENV
    return PublicKeys(fetcher(env.asap_pub_keys_repo_url, env.asap_pub_keys_folder))


async def _session_of_our_page(scope: Mapping[str, Any]) -> str | None:
    """Its key, where the page at /demo/meetings asks, and whoever opened it may host."""
    origin = dict(scope["headers"]).get(b"origin", b"").decode("latin-1")
    key = scope.get("cookies", {}).get(settings.SESSION_COOKIE_NAME, "")
    if not origin or not key or not origin_allowed(origin):
        return None
    try:
        await handshakes(identify_session)(key)
    except DomainError as error:
        if error.retry:
            raise
        return None
    return str(key)
