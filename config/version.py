"""Which Souffleur this is; pyproject.toml says the same, and stays where no image has it."""

VERSION = "0.1.0"
