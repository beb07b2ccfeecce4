"""The session of somebody who signed in on a page, for sockets that our own pages open."""

from ops import pages_login
from ops.faults.stack import HOST_PASSWORD, Stack

WORTHLESS = (  # a key is made worthless, by its hash
    "UPDATE rooms_accesskey SET revoked_at = now() WHERE hash = %s RETURNING true",
    "UPDATE rooms_accesskey SET expires_at = now() WHERE hash = %s RETURNING true",
)
SIGNED_OUT = "DELETE FROM django_session WHERE session_key = %s RETURNING true"


def signed_in(stack: Stack) -> str:
    """A host's."""
    with pages_login.signed_in(stack.url, HOST_PASSWORD) as session:
        return session.cookies["sessionid"]
