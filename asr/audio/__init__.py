"""Bytes to sound: containers and codecs, times, and where speech is. No Django, no clock of its own, no I/O."""
