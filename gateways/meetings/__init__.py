"""Meetings: the wire of Skynet's streaming-whisper, which Jigasi speaks (docs/wires/meetings.md)."""
