"""The errors that a caller can do something about.

DomainError            code: a stable word for programs; parameters: what it is about; retry: whether waiting helps
├── NotFound
├── Forbidden          the caller is known and may not
├── Unauthenticated    the caller's key or password is wrong, expired or missing
├── Conflict           the state of things forbids it now
├── BadInput           the caller's bytes, text or values
└── NoCapacity         every slot is taken

They have no words for people. Each edge (a gateway, the admin, a command) maps the class or the code to its own status
in one table, and the code to its own words in another (`in_words`).
"""

from collections.abc import Mapping

Parameter = str | int


class DomainError(Exception):
    """A refusal: a stable `code`, the `parameters` that words may name, and whether trying again may help."""

    def __init__(self, code: str, *, retry: bool = False, **parameters: Parameter) -> None:
        super().__init__(code)
        self.code = code
        self.parameters = parameters
        self.retry = retry

    def __str__(self) -> str:
        """For tracebacks."""
        named = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())
        return f"{self.code} ({named})" if named else self.code


def in_words(code: str, parameters: Mapping[str, Parameter], words: Mapping[str, str]) -> str:
    """An edge's words for a code, a template filled with the parameters; the bare code where it has none."""
    template = words.get(code)
    return code if template is None else template.format_map(parameters)


class NotFound(DomainError):
    """There is no such thing, or the caller may not know that there is."""


class Forbidden(DomainError):
    """The caller is known and may not."""


class Unauthenticated(DomainError):
    """No valid key or password."""


class Conflict(DomainError):
    """Right request, wrong moment."""


class BadInput(DomainError):
    """What the caller sent cannot be used."""


class NoCapacity(DomainError):
    """Every slot is taken."""
