"""The conference wire from the other side: a host and a viewer, for commands, faults, benchmarks and tests."""
