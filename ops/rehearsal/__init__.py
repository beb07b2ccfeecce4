"""A whole event replayed with hosts, viewers and mishaps, faster than it will be: `manage.py rehearse`."""
