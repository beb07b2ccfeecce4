"""OpenAI's shapes: realtime transcription over a socket, files over HTTP (docs/wires/ecosystem.md)."""
