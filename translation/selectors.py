"""Which languages can be read."""

from django.conf import settings


def target_langs() -> list[str]:
    """Languages on offer to viewers: until there is a translation engine, those that are spoken."""
    return sorted(settings.ENV.source_langs)
