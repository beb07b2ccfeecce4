"""Text to speech: engines behind one protocol, chosen by what is installed; run in a process of their own (synthesiser)."""
