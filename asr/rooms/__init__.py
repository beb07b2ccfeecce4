"""What only rooms have: the host and its lease, terms, grace, restart, the end of a broadcast."""
