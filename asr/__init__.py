"""Sound to sentences: the engine, its weights, and the process that serves one room."""
