"""What the schedule's errors are called for the people who run the event: in the admin and on the command line."""

from rooms.errors import DomainError, in_words

WORDS = {
    "no_schedule": "No schedule: set SCHEDULE_URL, or give an event an address",
    "bad_schedule_source": "The schedule must be an http or https address, or a file",
    "schedule_too_large": "The schedule is larger than {max_bytes} bytes",
    "schedule_unreachable": "The schedule cannot be read: {problem}",
    "broken_schedule": "The schedule cannot be used: {problem}",
}


def schedule_words(error: DomainError) -> str:
    """One sentence."""
    return in_words(error.code, error.parameters, WORDS)
