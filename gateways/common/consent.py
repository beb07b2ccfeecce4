"""Where consent is required, a wire processes sound only after it said so, each in its own way (docs/wires)."""

from django.conf import settings

from rooms.errors import Forbidden


def require_consent(*, said: bool) -> None:
    """Raises Forbidden (`consent_required`) where CONSENT_REQUIRED is set and the client has not said that it has consent."""
    if settings.ENV.consent_required and not said:
        raise Forbidden("consent_required")
