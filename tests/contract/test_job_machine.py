"""The model of jobs with its records in a real Redis. Longer: `infra/dev.py bench machine`."""

import subprocess
import sys

import pytest

from infra.redis.client import RedisClient
from tests.machines.broken import BlindRedis
from tests.machines.jobs import JobMachine, StoppedJobMachine, UnansweredJobMachine
from tests.machines.play import over_redis, play


@pytest.mark.parametrize("machine", [JobMachine, StoppedJobMachine, UnansweredJobMachine])
def test_jobs_survive_over_redis(redis_client: RedisClient, machine: type[JobMachine]) -> None:
    """Faults fall between any two commands to Redis, too."""
    play(over_redis(machine, redis_client), sequences=12)


def test_a_swap_that_compares_the_wrong_version_is_found(redis_client: RedisClient) -> None:
    with pytest.raises(AssertionError):
        play(over_redis(StoppedJobMachine, redis_client, BlindRedis), sequences=300, seed=1)


def test_the_long_version_plays_and_counts() -> None:
    options = ("--sequences", "2", "--machine", "JobMachine", "--seed", "1", "--processes", "1")
    command = [sys.executable, "-m", "tests.bench.service.machine", *options]
    played = subprocess.run(command, capture_output=True, text=True, check=False)
    assert played.returncode == 0, played.stderr
    assert "Seed 1;" in played.stdout
    assert "| JobMachine, memory | " in played.stdout
    assert "| JobMachine, Redis | " in played.stdout
