"""manage.py screenshots, as a person runs it."""

import subprocess
import sys

import pytest

from ops import browser
from ops.faults.stack import BASE_DIR

pytestmark = [pytest.mark.stack, pytest.mark.browser]


def test_a_picture_is_taken_of_each_size_and_scheme(tmp_path):
    if browser.executable() is None:
        pytest.skip("NO BROWSER TESTS: no Chromium here (apt install chromium, or set CHROMIUM to its path)")
    command = [
        sys.executable,
        "manage.py",
        "screenshots",
        "--out",
        str(tmp_path),
        "--only",
        "login",
        "--lang",
        "de",
    ]
    subprocess.run(command, cwd=BASE_DIR, check=True, timeout=300)
    found = sorted(path.name for path in tmp_path.iterdir())
    assert found == [
        f"login-{size}-{theme}-de.png" for size in ("desktop", "phone") for theme in ("dark", "light")
    ]
