"""What a benchmark with thousands of sockets needs of the machine."""

import resource


def raise_open_files() -> None:
    """As many open files as this user may have; child processes inherit that."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
