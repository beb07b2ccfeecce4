"""Static files of the server as it runs."""

import pytest
import requests

from ops.faults.stack import BASE_DIR

pytestmark = pytest.mark.django_db(transaction=True)


def test_pages_are_compressed_and_wires_are_not(server):
    assert requests.get(f"{server}/", timeout=30).headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in requests.get(f"{server}/room_list", timeout=30).headers
    plain = requests.get(f"{server}/", headers={"Accept-Encoding": "identity"}, timeout=30)
    assert "Content-Encoding" not in plain.headers


def test_styles_scripts_and_icons_come_with_their_types_and_are_asked_for_again_only_when_they_change(server):
    for path, kind in (
        ("css/base.css", "text/css"),
        ("js/base.js", "text/javascript"),
        ("icons/icon.svg", "image/svg+xml"),
    ):
        answer = requests.get(f"{server}/static/{path}", timeout=30)
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.content == (BASE_DIR / "static" / path).read_bytes()
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith(kind)
        assert "max-age" in answer.headers["Cache-Control"]
        part = requests.get(f"{server}/static/{path}", headers={"Range": "bytes=2-5"}, timeout=30)
        assert (part.status_code, part.content) == (206, answer.content[2:6])
        assert requests.head(f"{server}/static/{path}", timeout=30).status_code == 200
        again = requests.get(
            f"{server}/static/{path}",
            headers={"If-Modified-Since": answer.headers["Last-Modified"]},
            timeout=30,
        )
        assert again.status_code == 304
