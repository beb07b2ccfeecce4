"""The recogniser engine: pure code, no Django, no clock of its own, no I/O beyond the model files."""
