"""Several machines, one of which vanishes: the drill in short (`manage.py drill machines` is the long one)."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time

import pytest

from ops.faults import network
from ops.faults.cluster import running_cluster
from ops.faults.machines import Times, lose
from ops.faults.proxy import nginx_upstreams

needs_namespaces = pytest.mark.skipif(
    bool(network.why_not()), reason=f"NOT TESTED HERE: {network.why_not()}; machines are network namespaces"
)
WITHIN_S = 60


@needs_namespaces
@pytest.mark.stack
def test_a_room_goes_on_elsewhere_when_its_recognisers_machine_loses_its_network():
    few = {"web1": ("web", "sweeps", "beat"), "asr1": ("asr",), "asr2": ("asr",)}
    with running_cluster(rooms=["L1"], programs=few, ASR_SLOTS="1", ASR_BEAT_STALE_S="2") as cluster:
        row = asyncio.run(lose(cluster, "", "network", ["L1"], Times(before_s=2, away_s=8, after_s=2)))
        assert row.harmless, row
        assert row.rooms_served == 1
        assert row.noticed.startswith("sweep")
        assert cluster.session("L1")["generation"] > 1


@needs_namespaces
def test_a_cut_cable_tells_nobody_and_mended_it_is_as_before():
    with network.network(["one", "two"]) as built:
        serve = built.inside(
            "one", [sys.executable, "-m", "http.server", "80", "--bind", built.address("one")]
        )
        with subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                connected(built.address("one"))
                built.cut("one")
                with pytest.raises(TimeoutError):
                    socket.create_connection((built.address("one"), 80), timeout=0.5)
                assert server.pid in built.processes("one")
                built.mend("one")
                connected(built.address("one"))
            finally:
                server.kill()


def connected(address: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while True:
        try:
            socket.create_connection((address, 80), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def test_addresses_of_machines_are_put_into_nginxs_file_and_its_limits_stay():
    text = nginx_upstreams(["192.0.2.1:8000", "192.0.2.2:8000", "192.0.2.3:8000"])
    web, speech = text.split("upstream souffleur_speech")
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        assert f"    server {address}:8000 max_fails=1 fail_timeout=10s;\n" in web
    assert "10.0.0." not in web.split("upstream souffleur_web")[1]
    assert "10.0.0.11:50051" in speech
