"""Fault injection on a whole stack of real processes: for the tests and for `manage.py drill`."""
