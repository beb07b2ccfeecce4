"""What errors of a schedule, and of a glossary's lines, are called for the people who run the event."""

from django.core.exceptions import ValidationError

from rooms import glossary
from rooms.errors import DomainError, in_words
from rooms.glossary import LineProblem

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


GLOSSARY_WORDS = {
    "unprintable": "it holds a character that cannot be shown",
    "line_too_long": f"it is longer than {glossary.LINE_MOST_CHARS} characters",
    "no_term": "there is no word before the =",
    "term_too_long": f"the term is longer than {glossary.TERM_MOST_CHARS} characters",
    "term_twice": "“{named}” stands in an earlier line",
    "no_language": "“{named}” lacks its language; write for instance: term = pt: translation, de: translation",
    "no_translation": "a translation is missing; write for instance: term = pt: translation, de: translation",
    "translation_too_long": f"the translation ({{named}}) is longer than {glossary.TERM_MOST_CHARS} characters",
    "language_twice": "the language “{named}” stands there twice",
    "too_many_lines": f"a glossary has at most {glossary.MOST_LINES} lines; this one and all after it are too many",
    "too_long": f"a glossary has at most {glossary.MOST_CHARS} characters; this line and all after it are too many",
}


def glossary_words(problem: LineProblem) -> str:
    """One sentence that names the line."""
    said = in_words(problem.code, {"named": problem.named}, GLOSSARY_WORDS)
    return f"Line {problem.line}: {said}."


def valid_glossary(text: str) -> None:
    """Raises ValidationError with a sentence for each line that is no term."""
    if problems := glossary.parse(text).problems:
        raise ValidationError([glossary_words(problem) for problem in problems])
