"""Measuring the recogniser: talks, a clock that may be virtual, and the table."""
