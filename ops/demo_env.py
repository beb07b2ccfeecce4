"""The demo's environment as shell assignments: secrets made once and kept in VAR_DIR, readable by their owner only.

    environment="$(python -m ops.demo_env)"
    eval "$environment"

What is set in the environment already wins.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import sys
from pathlib import Path

from config.env import EnvError, refuse_open_secrets

FILE = "demo-secrets.json"
OPEN = {"DEBUG": "0", "HTTPS_ONLY": "0", "LOG_JSON": "0", "LOG_LEVEL": "WARNING"}


def demo_environment(var_dir: Path) -> dict[str, str]:
    """What the demo sets where the environment does not. Raises EnvError where others may read its secrets."""
    path = var_dir / FILE
    if not path.exists():
        var_dir.mkdir(parents=True, exist_ok=True)
        made = {
            "SECRET_KEY": secrets.token_urlsafe(60),
            "HOST_PASSWORD": secrets.token_urlsafe(9),
            "ADMIN_PASSWORD": secrets.token_urlsafe(12),
        }
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(made, file)
    refuse_open_secrets(path)
    return {**OPEN, **json.loads(path.read_text())}


def main() -> None:
    """Print the assignments."""
    base = Path(__file__).resolve().parent.parent
    try:
        values = demo_environment(Path(os.environ.get("VAR_DIR") or base / "var"))
    except EnvError as error:
        sys.exit(str(error))
    for name, value in values.items():
        if not os.environ.get(name):
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


if __name__ == "__main__":
    main()
