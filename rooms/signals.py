"""Signals of rooms to the layers above."""

from django.dispatch import Signal

# A room's talk became do-not-record; sent after the commit. Keyword: room (rooms.models.Room).
stop_recording_requested = Signal()

# A person is about to be erased with all that they hosted: delete it, and return how much. Keyword: user_id.
person_erased = Signal()

# Somebody has withdrawn a consent; sent after the commit, and what was made under it goes. Keyword: consent_id.
consent_withdrawn = Signal()

# Everything about a person is listed: return what else is held, as {name: rows}. Keyword: user_id.
person_listed = Signal()
