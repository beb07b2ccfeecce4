"""Sound to sentences: the recogniser, its weights, and the process that serves one room."""
