"""Sound to words: the recogniser. No Django, no clock of its own, no I/O beyond the model files."""
