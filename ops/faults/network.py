"""Machines on one computer: a network namespace each, a bridge between them, and cables that can be cut without a word.

A cut cable drops frames on both sides and tells nobody: no socket is closed, nothing is refused, and every neighbour's address
stays known, as where a switch or a router in between has died. Needs root, and `ip` of iproute2.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

FIRST = 10  # the host part of the first machine's address; .1 is this computer


def why_not() -> str:
    """What is missing for namespaces here; empty: nothing."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not shutil.which("ip") or not shutil.which("unshare"):
        return "`ip` (iproute2) and `unshare` (util-linux) are not installed"
    made = subprocess.run(["unshare", "--net", "--uts", "true"], capture_output=True)
    return "" if made.returncode == 0 else "this system permits no network namespaces"


class Network:
    """The machines by name. Made by `network`."""

    def __init__(self, names: Sequence[str]) -> None:
        self._tag = f"{random.SystemRandom().randrange(1 << 20):05x}"
        self._subnet = f"198.18.{_unused_subnet()}"
        self._numbers = {name: FIRST + index for index, name in enumerate(names)}

    @property
    def range(self) -> str:
        """All addresses."""
        return f"{self._subnet}.0/24"

    def address(self, name: str) -> str:
        """A machine's."""
        return f"{self._subnet}.{self._numbers[name]}"

    def inside(self, name: str, command: Sequence[str]) -> list[str]:
        """The command, run on a machine, which is its host's name, too."""
        renamed = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', name]
        return ["ip", "netns", "exec", self._namespace(name), *renamed, *command]

    def processes(self, name: str) -> list[int]:
        """Ids of all processes of a machine."""
        return [int(pid) for pid in _ip("netns", "pids", self._namespace(name)).split()]

    def cut(self, name: str) -> None:
        """From now on nothing reaches the machine, or leaves it."""
        _ip("link", "set", self._port(name), "nomaster")  # it stays up, and frames end there

    def mend(self, name: str) -> None:
        """As if it had never been cut; what is sent once more arrives."""
        _ip("link", "set", self._port(name), "master", self._port(""))

    def build(self) -> None:
        """Make all of it."""
        bridge = self._port("")
        _ip("link", "add", bridge, "type", "bridge")
        _ip("link", "set", bridge, "address", _mac(1), "up")
        _ip("addr", "add", f"{self._subnet}.1/24", "dev", bridge)
        for name, number in self._numbers.items():
            self._join(name, number, bridge)
        for name in self._numbers:
            others = {1, *self._numbers.values()} - {self._numbers[name]}
            self._know("eth0", others, "-n", self._namespace(name))
        self._know(bridge, set(self._numbers.values()))

    def remove(self) -> None:
        """End every process of a machine, and take all of it away."""
        for name in self._numbers:
            with contextlib.suppress(subprocess.CalledProcessError):
                for pid in self.processes(name):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, 9)
                _ip("netns", "del", self._namespace(name))
        with contextlib.suppress(subprocess.CalledProcessError):
            _ip("link", "del", self._port(""))

    def _join(self, name: str, number: int, bridge: str) -> None:
        namespace, port = self._namespace(name), self._port(name)
        _ip("netns", "add", namespace)
        _ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "address", _mac(number), "netns", namespace)  # fmt: skip
        _ip("link", "set", port, "master", bridge, "up")
        _ip("-n", namespace, "addr", "add", f"{self._subnet}.{number}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            _ip("-n", namespace, "link", "set", device, "up")

    def _know(self, device: str, numbers: set[int], *options: str) -> None:
        """Addresses that are never asked for: a machine that cannot be asked would be known for one that is gone."""
        lines = [
            f"neigh replace {self._subnet}.{number} lladdr {_mac(number)} dev {device} nud permanent"
            for number in sorted(numbers)
        ]
        subprocess.run(
            ["ip", *options, "-batch", "-"],
            input="\n".join(lines),
            text=True,
            check=True,
            capture_output=True,
        )

    def _namespace(self, name: str) -> str:
        return f"souffleur-{self._tag}-{name}"

    def _port(self, name: str) -> str:
        return f"sf{self._tag}-{self._numbers.get(name, 0)}"


@contextlib.contextmanager
def network(names: Sequence[str]) -> Iterator[Network]:
    """So many machines; they, and what runs on them, are gone afterwards."""
    made = Network(names)
    try:
        made.build()
        yield made
    finally:
        made.remove()


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout


def _mac(number: int) -> str:
    return f"02:73:6f:75:66:{number:02x}"


def _unused_subnet() -> int:
    """Of 198.18.0.0/15, which is for tests of networks (RFC 2544)."""
    routes = Path("/proc/net/route").read_text()
    free = [number for number in range(256) if f"{0:02X}{number:02X}12C6" not in routes]
    return random.SystemRandom().choice(free)
