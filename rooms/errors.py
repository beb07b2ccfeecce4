"""The errors that a caller can do something about.

DomainError            code: a stable word for programs; reason: for people; retry: whether waiting helps
├── NotFound
├── Forbidden          the caller is known and may not
├── Unauthenticated    the caller's key or password is wrong, expired or missing
├── Conflict           the state of things forbids it now
├── BadInput           the caller's bytes, text or values
└── NoCapacity         every slot is taken

Each edge (HTTP, WebSocket, gRPC) maps the class or the code to its own status in one table.
"""


class DomainError(Exception):
    """A refusal with a stable `code`, a `reason` a person can read, and whether trying again may help."""

    def __init__(self, code: str, reason: str = "", *, retry: bool = False) -> None:
        super().__init__(reason or code)
        self.code = code
        self.reason = reason or code
        self.retry = retry


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
