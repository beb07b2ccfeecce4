"""What may be asked again later, and what is a fault."""

import pytest
from django.db import IntegrityError, InterfaceError, OperationalError
from kombu.exceptions import OperationalError as BrokerError
from redis import exceptions as redis
from redis._parsers.base import BaseParser

from rooms.outages import Unavailable, is_outage

IN_A_SCRIPT = "ERR Error running script (call to f_7b50): @user_script:1: @user_script: 1: -"
OUTAGES = [
    "OOM command not allowed when used memory > 'maxmemory'.",
    "OOM command not allowed when used memory > 'maxmemory'. script: 7b50, on @user_script:1.",
    IN_A_SCRIPT + "OOM command not allowed when used memory > 'maxmemory'.",
    "MISCONF Redis is configured to save RDB snapshots, but it is currently not able to persist on disk.",
    IN_A_SCRIPT + "MISCONF Errors writing to the AOF file: No space left on device",
    "LOADING Redis is loading the dataset in memory",
    "READONLY You can't write against a read only replica.",
    IN_A_SCRIPT + "READONLY You can't write against a read only replica.",
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "CLUSTERDOWN The cluster is down",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "NOREPLICAS Not enough good replicas to write.",
    "ERR max number of clients reached",
]
FAULTS = [
    "WRONGTYPE Operation against a key holding the wrong kind of value",
    IN_A_SCRIPT + "WRONGTYPE Operation against a key holding the wrong kind of value",
    "NOAUTH Authentication required.",
    "WRONGPASS invalid username-password pair",
    "NOPERM this user has no permissions to run the 'xadd' command",
    "NOSCRIPT No matching script. Please use EVAL.",
    "BUSYGROUP Consumer Group name already exists",
    "ERR unknown command `XADD`, with args beginning with: `OOM`, ",
]


@pytest.mark.parametrize("answer", OUTAGES)
def test_a_redis_that_is_full_busy_or_read_only_may_be_asked_again(answer):
    assert is_outage(BaseParser.parse_error(answer))


@pytest.mark.parametrize("answer", FAULTS)
def test_a_wrong_question_stays_wrong(answer):
    assert not is_outage(BaseParser.parse_error(answer))


@pytest.mark.parametrize(
    "error",
    [
        redis.ConnectionError(), redis.TimeoutError(), ConnectionResetError(), TimeoutError(),
        OperationalError(), InterfaceError(), BrokerError(), Unavailable(),
    ],
)  # fmt: skip
def test_lost_connections_and_time_outs_are_outages(error):
    assert is_outage(error)


@pytest.mark.parametrize("error", [IntegrityError(), ValueError(), FileNotFoundError(), redis.DataError()])
def test_other_errors_are_faults(error):
    assert not is_outage(error)
