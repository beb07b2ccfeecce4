"""Echo (docs/wires/interpreter.md): a microphone comes back with its noise suppressed, and shows how the network is."""
