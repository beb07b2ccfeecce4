"""Somebody who signs in on a stack's pages, as a browser does."""

from __future__ import annotations

import contextlib
import re

import requests

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
ANSWERS_WITHIN_S = 60.0


def signed_in(url: str, password: str) -> requests.Session:
    """Their session, with its cookies; close it. `url`: of a web process. Raises requests.RequestException, PermissionError."""
    with contextlib.ExitStack() as on_failure:
        session = on_failure.enter_context(requests.Session())
        form = session.get(f"{url}/login/form", timeout=ANSWERS_WITHIN_S)
        token = TOKEN.search(form.text)
        fields = {"password": password, "csrfmiddlewaretoken": token[1] if token else ""}
        answer = session.post(
            f"{url}/login/form",
            data=fields,
            headers={"Referer": url},
            timeout=ANSWERS_WITHIN_S,
            allow_redirects=False,
        )
        if answer.status_code != 302:
            raise PermissionError(f"the login form answered {answer.status_code}")
        on_failure.pop_all()
        return session
