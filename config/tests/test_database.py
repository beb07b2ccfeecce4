"""Connections to PostgreSQL: a web process shares a few, whatever happens to requests and to PostgreSQL."""

import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import requests
from django.conf import settings

from config.database import connection_settings, serve_web, serve_worker
from config.layout import DATABASE_ROLE
from ops import embedded
from ops.faults.cable import Cable

WITHIN_S = 60
REQUESTS, CLIENTS = 200, 40
NAME = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'souffleur web'"


def get(stack, path="/transcript_list"):
    return requests.get(f"{stack.url}{path}", timeout=WITHIN_S).status_code


def until_answered(stack):
    deadline = time.monotonic() + WITHIN_S
    while get(stack) != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.stack
def test_hundreds_of_requests_share_a_few_connections(shared_stack):
    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = list(clients.map(lambda _: get(shared_stack), range(REQUESTS)))
    assert answers == [200] * REQUESTS
    ((sessions,),) = shared_stack.query(NAME)
    assert 0 < sessions <= settings.ENV.database_pool_size
    ((workers,),) = shared_stack.query(NAME.replace("web", "worker"))
    assert workers > 0


@pytest.mark.stack
def test_clients_that_hang_up_keep_no_connection(shared_stack):
    for _ in range(3 * settings.ENV.database_pool_size):
        with socket.create_connection(("127.0.0.1", shared_stack.port)) as client:
            client.sendall(b"GET /transcript_list HTTP/1.1\r\nHost: localhost\r\n\r\n")
    with ThreadPoolExecutor(CLIENTS) as clients:
        assert set(clients.map(lambda _: get(shared_stack), range(CLIENTS))) == {200}


@pytest.mark.stack
def test_requests_are_refused_while_postgresql_is_stopped_and_answered_when_it_is_back(shared_stack):
    until_answered(shared_stack)
    shared_stack.stop_program("postgres")
    try:
        assert get(shared_stack) == 503
    finally:
        shared_stack.start_program("postgres")
    until_answered(shared_stack)


def test_statements_of_servers_are_cut_off_and_those_of_commands_are_not():
    url = "postgres://ada@db.example/souffleur?sslmode=require&options=-c%20search_path%3Dcaptions"
    database = connection_settings(settings.ENV, url)
    options = database["OPTIONS"]
    assert (options["sslmode"], options["options"]) == ("require", "-c search_path=captions")
    assert options["tcp_user_timeout"] == 10_000
    serve_worker(database, settings.ENV)
    cut_off = "-c search_path=captions -c statement_timeout=30000 -c idle_in_transaction_session_timeout=5000"
    silent = "-c tcp_user_timeout=10000 -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
    assert options["options"] == f"{cut_off} {silent}"
    assert database["CONN_MAX_AGE"] > 0


def test_a_web_process_gives_its_connection_back_after_each_request():
    database = connection_settings(settings.ENV, "postgres://ada@db.example/souffleur")
    serve_web(database, settings.ENV)
    assert (database["CONN_MAX_AGE"], database["CONN_HEALTH_CHECKS"]) == (0, True)
    assert database["OPTIONS"]["pool"]["max_size"] == settings.ENV.database_pool_size
    assert "-c lock_timeout=8000" in database["OPTIONS"]["options"]


@pytest.mark.skipif(
    sys.platform != "linux" or bool(settings.ENV.database_url),
    reason="NOT TESTED HERE: needs Linux, which drops frames on a socket, and the embedded PostgreSQL",
)
def test_a_statement_whose_server_vanished_ends_soon():
    env = settings.ENV.model_copy(update={"database_tcp_timeout_s": 2})
    with Cable(str(settings.EMBEDDED.postgres_socket)) as cable:
        url = f"postgres://{DATABASE_ROLE}@127.0.0.1:{cable.port}/postgres"
        database = connection_settings(env, url)
        serve_worker(database, env)
        vanished = psycopg.connect(url, autocommit=True, **database["OPTIONS"])
        sleeper = vanished.info.backend_pid
        with ThreadPoolExecutor(1) as worker, embedded.connect(settings.EMBEDDED, database="postgres") as db:
            asked = worker.submit(vanished.execute, "SELECT pg_sleep(600)")
            while not db.execute(
                "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'", [sleeper]
            ).fetchone():
                db.rollback()
            assert cable.cut()
            try:
                with pytest.raises(psycopg.OperationalError):
                    asked.result(WITHIN_S)
            finally:
                db.execute("SELECT pg_terminate_backend(%s)", [sleeper])
                vanished.close()
