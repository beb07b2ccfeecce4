"""What config/servers adds to each server for bodies, on a real one in a child process."""

from __future__ import annotations

import http.client
import json
import selectors
import socket
from collections.abc import Iterable, Iterator

import psutil
import pytest

from config.servers.limits import BODY_LIMIT_BYTES, longest_body_bytes

pytestmark = pytest.mark.stack
MEGABYTE = 1 << 20
FILES = "/v1/audio/transcriptions"
WITHIN_S = 60


@pytest.fixture
def server(served: tuple[str, psutil.Process]) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(served[0].removeprefix("ws://"), timeout=WITHIN_S)
    yield connection
    connection.close()


def post(
    server: http.client.HTTPConnection, body: bytes | Iterable[bytes], path: str = "/login", **headers: str
) -> tuple[int, bytes]:
    """Send it and read the answer; a server that does not want more may stop reading."""
    try:
        server.request("POST", path, body, headers)
    except (BrokenPipeError, ConnectionResetError):
        server._HTTPConnection__state = "Request-sent"  # type: ignore[attr-defined]
    answer = server.getresponse()
    return answer.status, answer.read()


def test_body_that_some_view_may_read_arrives(server: http.client.HTTPConnection) -> None:
    for body in (b"", b"x" * 70_000, b"x" * BODY_LIMIT_BYTES):
        assert post(server, body) == (200, str(len(body)).encode())
    assert post(server, [b"x" * 1000] * 70) == (200, b"70000")


def test_body_that_says_it_is_too_long_is_refused_before_it_is_sent(
    server: http.client.HTTPConnection,
) -> None:
    server.putrequest("POST", "/login")
    server.putheader("Content-Length", str(400 * MEGABYTE))
    server.putheader("Expect", "100-continue")
    server.endheaders()
    answer = server.getresponse()
    assert (answer.status, json.loads(answer.read())["status"]) == (413, "fail")


@pytest.mark.parametrize("said", [True, False], ids=["its length is said", "its length is not said"])
def test_body_of_400_megabytes_is_read_off_and_held_nowhere(
    server: http.client.HTTPConnection, served: tuple[str, psutil.Process], said: bool
) -> None:
    block, process = b"x" * MEGABYTE, served[1]
    before = process.memory_info().rss
    most = 0

    def blocks() -> Iterator[bytes]:
        nonlocal most
        for _ in range(400):
            yield block
            most = max(most, process.memory_info().rss)

    length = {"Content-Length": str(400 * MEGABYTE)} if said else {}
    assert post(server, blocks(), **length)[0] == 413
    assert most - before < 30 * MEGABYTE


def test_connection_of_a_refused_body_is_closed_and_the_next_one_is_served(
    server: http.client.HTTPConnection,
) -> None:
    assert post(server, b"x" * (BODY_LIMIT_BYTES + 1))[0] == 413
    assert server.sock is None or server.sock.recv(1) == b""
    server.close()
    assert post(server, b"x") == (200, b"1")


def test_bodies_that_never_end_are_bounded_in_sum(served: tuple[str, psutil.Process]) -> None:
    host, _, port = served[0].removeprefix("ws://").partition(":")
    before = served[1].memory_info().rss
    head = b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % BODY_LIMIT_BYTES
    sockets = [socket.create_connection((host, int(port)), WITHIN_S) for _ in range(420)]  # 40 MB
    try:
        for one in sockets:
            one.sendall(head + b"x" * (BODY_LIMIT_BYTES - 1))
        sockets[-1].sendall(b"x")
        assert sockets[-1].recv(12).startswith(b"HTTP/1.1 ")
        refused = 0
        with selectors.DefaultSelector() as selector:
            for one in sockets[:-1]:
                selector.register(one, selectors.EVENT_READ)
            while refused <= 60:
                ready = selector.select(WITHIN_S)
                assert ready
                for key, _ in ready:
                    refused += key.fileobj.recv(12).endswith(b"413")  # type: ignore[union-attr]
                    selector.unregister(key.fileobj)
        # all of it once at the most: what was refused may wait for the collector, and connections cost something, too
        assert served[1].memory_info().rss - before < 64 * MEGABYTE
    finally:
        for one in sockets:
            one.close()


@pytest.mark.parametrize("said", [True, False], ids=["its length is said", "its length is not said"])
def test_path_that_takes_files_takes_them_up_to_its_own_limit(
    server: http.client.HTTPConnection, said: bool
) -> None:
    longest = longest_body_bytes(FILES)
    assert longest > BODY_LIMIT_BYTES
    for length, status in ((longest, 200), (longest + 1, 413)):
        body = b"x" * length
        headers = {"Content-Length": str(length)} if said else {}
        found = post(server, iter([body[:MEGABYTE], body[MEGABYTE:]]), FILES, **headers)
        assert found[0] == status
        if status == 200:
            assert found[1] == str(length).encode()
        server.close()


def test_query_and_neighbours_of_that_path_change_nothing(server: http.client.HTTPConnection) -> None:
    body = b"x" * (BODY_LIMIT_BYTES + 1)
    assert post(server, body, f"{FILES}?consent=1") == (200, str(len(body)).encode())
    server.close()
    assert post(server, body, f"{FILES}/more")[0] == 413
