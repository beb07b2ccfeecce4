"""Attacks that strangers in the hall's network can run, on a stack of its own, and what a viewer beside noticed (manage.py siege)."""
