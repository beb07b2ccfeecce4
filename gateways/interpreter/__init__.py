"""The interpreter's wire: speech in; text, its translation, and that as speech, out (docs/wires/interpreter.md)."""
