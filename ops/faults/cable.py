"""A cable to a server, in one process and without rights, that can be cut without a word: nothing is acknowledged any more.

A filter in the kernel drops what comes for this end's sockets before TCP sees it (SO_ATTACH_FILTER; Linux alone), so the other end
is where it would be had the machine lost its power: it sends again and again, or waits.
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
import threading
from types import TracebackType
from typing import Final, Self

SO_ATTACH_FILTER: Final = 26
_RETURN = 0x06  # BPF_RET | BPF_K: so many bytes are let through
CHUNK_BYTES = 65_536


class Cable:
    """Listens on 127.0.0.1 for a server on a Unix socket. Cutting ends what is connected now; who connects anew gets through."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._ends: list[socket.socket] = []
        self._theirs: list[socket.socket] = []
        self._cut: set[socket.socket] = set()
        self._lock = threading.Lock()

    def cut(self) -> int:
        """Returns how many connections went dead."""
        with self._lock:
            ends = [end for end in self._ends if end not in self._cut]
            for end in ends:
                _drop_everything(end)
            self._cut.update(ends)
        return len(ends)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for end in (*self._ends, *self._theirs):
                _end(end)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                end, _ = self._listener.accept()
                there = socket.socket(socket.AF_UNIX)
                there.connect(self.path)
                with self._lock:
                    self._ends.append(end)
                    self._theirs.append(there)
                for source, sink in ((end, there), (there, end)):
                    threading.Thread(target=self._copy, args=(source, sink, end), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket, end: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                if end in self._cut:
                    return
                sink.sendall(data)
        if end not in self._cut:  # one that is cut says nothing, not even that it is over
            _end(source)
            _end(sink)


def _end(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


def _drop_everything(end: socket.socket) -> None:
    instruction = ctypes.create_string_buffer(struct.pack("HBBI", _RETURN, 0, 0, 0))
    program = struct.pack("HL", 1, ctypes.addressof(instruction))
    end.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
