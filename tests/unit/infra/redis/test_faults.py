"""What is said of a Redis that cannot be used: what to do, where waiting does not help."""

import pytest
import redis
from redis import exceptions

from infra.redis.faults import fault, wrong_kind


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (redis.AuthenticationError("invalid username-password pair"), "user or password"),
        (exceptions.NoPermissionError("no permissions to run 'set'"), "do too little"),
        (redis.ReadOnlyError("can't write against a read only replica"), "a replica"),
        (exceptions.ClusterCrossSlotError("Keys don't hash to the same slot"), "a Cluster"),
        (exceptions.MovedError("3999 127.0.0.1:6381"), "a Cluster"),
        (exceptions.ClusterDownError("Hash slot not served"), "a Cluster"),
        (redis.ResponseError("SELECT is not allowed in cluster mode"), "a Cluster"),
        (redis.ResponseError("DB index is out of range"), "no database of the number"),
        (redis.InvalidResponse("HTTP/1.1 400 Bad Request"), "is no Redis"),
    ],
)
def test_fault_of_the_settings_says_what_to_do_and_not_to_wait(
    error: redis.RedisError, told: str
) -> None:
    assert told in fault(error)
    assert "try again" not in fault(error)


@pytest.mark.parametrize(
    "error",
    [
        redis.ConnectionError("refused"),
        redis.TimeoutError("no answer"),
        redis.BusyLoadingError("loading the dataset in memory"),
        redis.OutOfMemoryError("command not allowed when used memory > 'maxmemory'"),
        redis.ResponseError("something else"),
    ],
)
def test_fault_that_passes_says_to_try_again(error: redis.RedisError) -> None:
    assert f"({type(error).__name__}); try again soon." in fault(error)


@pytest.mark.parametrize(
    ("info", "told"),
    [
        ({"redis_mode": "standalone", "role": "master"}, None),
        ({}, None),  # of a managed server that tells nothing
        ({"redis_mode": "cluster", "role": "master"}, "Cluster"),
        ({"server_mode": "cluster", "role": "master"}, "Cluster"),
        ({"redis_mode": "sentinel"}, "Sentinel"),
        ({"redis_mode": "standalone", "role": "slave"}, "replica"),
    ],
)
def test_server_that_answers_and_can_keep_no_jobs_is_reported(
    info: dict[str, str], told: str | None
) -> None:
    found = wrong_kind(info)
    assert found is None if told is None else told in (found or "")
