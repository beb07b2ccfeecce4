"""Native captions (docs/wires/captions.md): what is new, in the reader's language, over WebSocket and Server-Sent Events."""
