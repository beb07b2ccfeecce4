"""Measurements of the whole stack; each is a management command that prints a table."""
