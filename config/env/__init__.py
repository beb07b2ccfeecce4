"""Every setting that a deployment may change, typed, with its unit in its name or its description; a file a section.

Values come from the environment (or a `.env` file beside manage.py). `docs/settings.md` lists them.
A missing secret or a wrong value stops the process with the name of the variable and what to set.
"""

from config.env.environment import Env, read_env
from config.env.section import BASE_DIR, EnvError, Section, refuse_open_secrets

__all__ = ["BASE_DIR", "Env", "EnvError", "Section", "read_env", "refuse_open_secrets"]
