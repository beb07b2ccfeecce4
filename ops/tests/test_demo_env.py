"""The demo's own secrets."""

import os
import stat
import subprocess
import sys

import pytest

from config.env import BASE_DIR


@pytest.mark.parametrize(("mode", "accepted"), [(0o600, True), (0o644, False)])
def test_the_demo_keeps_its_secrets_to_itself(tmp_path, mode, accepted):
    run = [sys.executable, "-m", "ops.demo_env"]
    environment = {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path)}
    made = subprocess.run(run, cwd=BASE_DIR, env=environment, capture_output=True, text=True, check=True)
    secrets = tmp_path / "demo-secrets.json"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    secrets.chmod(mode)
    again = subprocess.run(run, cwd=BASE_DIR, env=environment, capture_output=True, text=True)
    assert (again.returncode == 0) is accepted
    assert (again.stdout == made.stdout) is accepted
    assert ("chmod 600" in again.stderr) is not accepted
