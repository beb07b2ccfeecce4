"""The session of somebody who signed in on a page, for sockets that our own pages open."""

import requests

from ops.faults.stack import HOST_PASSWORD, Stack

WITHIN_S = 60.0
WORTHLESS = (  # a key is made worthless, by its hash
    "UPDATE rooms_accesskey SET revoked_at = now() WHERE hash = %s RETURNING true",
    "UPDATE rooms_accesskey SET expires_at = now() WHERE hash = %s RETURNING true",
)
SIGNED_OUT = "DELETE FROM django_session WHERE session_key = %s RETURNING true"


def signed_in(stack: Stack) -> str:
    """A host's."""
    with requests.Session() as session:
        form = session.get(f"{stack.url}/login/form", timeout=WITHIN_S)
        token = form.text.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
        answer = session.post(
            f"{stack.url}/login/form",
            data={"password": HOST_PASSWORD, "csrfmiddlewaretoken": token},
            headers={"Referer": stack.url},
            timeout=WITHIN_S,
            allow_redirects=False,
        )
        assert answer.status_code == 302, answer.text
        return session.cookies["sessionid"]
