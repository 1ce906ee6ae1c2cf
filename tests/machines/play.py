"""Plays a machine: so many sequences of random events, the same ones for the same seed."""

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import hypothesis
import structlog
from hypothesis import HealthCheck, Phase
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from infra.redis.client import RedisClient
from tests.fakes.jobs import Fuse, Records
from tests.fakes.redis_records import RedisRecords
from tests.machines.jobs import JobMachine

#: Events of one sequence.
STEPS: Final = 50


def play(
    machine: type[RuleBasedStateMachine],
    *,
    sequences: int,
    seed: int | None = None,
    shrink: bool = False,
) -> None:
    """Play until an invariant is broken, or all sequences are through.

    What is raised then carries the events and the seed. Shrinking takes minutes.
    """
    chosen = random.getrandbits(32) if seed is None else seed
    settings = hypothesis.settings(
        max_examples=sequences,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        report_multiple_bugs=False,
        # They would fail on a machine that is slow now.
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
    )
    seeded = type(machine.__name__, (machine,), {})
    hypothesis.seed(chosen)(seeded)
    try:
        with _quiet():
            run_state_machine_as_test(seeded, settings=settings)
    except BaseException as error:
        error.add_note(f"{machine.__name__}, seed {chosen}, {sequences} sequences")
        raise


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop the logs: they would be most of the work."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


def over_redis(
    machine: type[JobMachine],
    client: RedisClient,
    keep: type[RedisRecords] = RedisRecords,
) -> type[JobMachine]:
    """Return the machine with its records in a Redis that nobody else uses meanwhile."""

    def keep_records(_: JobMachine, fuse: Fuse) -> Records:
        return keep(client, fuse)

    return type(f"{machine.__name__}OverRedis", (machine,), {"keep_records": keep_records})
