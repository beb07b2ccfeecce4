"""Words to sentences: the captioner. No Django, no clock of its own, no I/O."""
