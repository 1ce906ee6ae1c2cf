"""The state machines of jobs, played for long: the rules alone, the service, and over Redis.

    python3 infra/dev.py bench machine [--sequences 5000] [--seed N] [--machine NAME] [--shrink]

Each sequence is 50 random events: submissions, claims, commits, zombies, kills between any two
effects, stops beyond the lease, lost answers, lost messages, cancels, flushes and rebuilds. The
invariants are checked after each event, and every sequence must end with every job at its end.
The same seed plays the same sequences. It stops at the first that fails, and shows its events.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from hypothesis.stateful import RuleBasedStateMachine, invariant

from infra.redis.client import RedisClient, connect_redis
from tests.bench.common.tables import table
from tests.contract.servers import fresh_settings, redis_command, running
from tests.machines.jobs import JobMachine, StoppedJobMachine, UnansweredJobMachine
from tests.machines.play import over_redis, play
from tests.machines.rules import RulesMachine
from tests.machines.trainings import TrainingMachine, UnansweredTrainingMachine

IN_MEMORY = (
    RulesMachine,
    JobMachine,
    StoppedJobMachine,
    UnansweredJobMachine,
    TrainingMachine,
    UnansweredTrainingMachine,
)
OVER_REDIS = (JobMachine, StoppedJobMachine, UnansweredJobMachine)
#: Sequences that one process plays at a time: what is played depends on them, not on processes.
SHARE = 250


@dataclass(frozen=True, slots=True)
class Share:
    """Some sequences of one machine."""

    machine: type[RuleBasedStateMachine]
    redis: bool
    sequences: int
    seed: int
    shrink: bool

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"{self.machine.__name__}, {'Redis' if self.redis else 'memory'}"


@dataclass(frozen=True, slots=True)
class Played:
    """What was counted in a share."""

    sequences: int
    events: int
    faults: int
    seconds: float


def main() -> None:
    """Play every machine, or one, and say how much was played."""
    options = _parser().parse_args()
    seed = random.getrandbits(32) if options.seed is None else options.seed
    print(f"Seed {seed}; {options.sequences} sequences of each machine.", flush=True)
    played: dict[str, list[Played]] = {}
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as processes:
        shares = list(_shares(options.sequences, seed, options.machine, options.shrink))
        for share, counted in zip(shares, processes.map(play_share, shares), strict=True):
            played.setdefault(share.name, []).append(counted)
            done = sum(one.sequences for one in played[share.name])
            if done >= options.sequences:
                print(f"  {share.name}: {done} sequences, no failure", flush=True)
    print(f"\n{_table(played)}")


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="infra/dev.py bench machine", description=__doc__)
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    made.add_argument("--sequences", type=int, default=5000, help="of each machine")
    made.add_argument("--seed", type=int, help="default: a new one, which is printed")
    names = sorted({machine.__name__ for machine in IN_MEMORY})
    made.add_argument("--machine", choices=names, help="only this one")
    made.add_argument("--shrink", action="store_true", help="cut a failure short; takes minutes")
    made.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    return made


def _shares(sequences: int, seed: int, only: str | None, shrink: bool) -> Iterator[Share]:
    chosen = [(machine, False) for machine in IN_MEMORY]
    chosen += [(machine, True) for machine in OVER_REDIS]
    for machine, redis in chosen:
        if only in (None, machine.__name__):
            for at in range(0, sequences, SHARE):
                yield Share(machine, redis, min(SHARE, sequences - at), seed + at, shrink)


def play_share(share: Share) -> Played:
    """Play a share in a process of its own; raises what a broken invariant raises."""
    begun = time.process_time()
    with _records(share) as machine:
        counted = counting(machine)
        play(counted, sequences=share.sequences, seed=share.seed, shrink=share.shrink)
    counts: dict[str, int] = counted.counts  # pyright: ignore[reportAttributeAccessIssue]
    seconds = time.process_time() - begun
    return Played(counts["sequences"], counts["events"], counts["faults"], seconds)


@contextmanager
def _records(share: Share) -> Iterator[type[RuleBasedStateMachine]]:
    if not share.redis:
        yield share.machine
        return
    assert issubclass(share.machine, JobMachine)
    settings = fresh_settings()
    with tempfile.TemporaryDirectory() as folder:
        client: RedisClient = connect_redis(settings)
        with running(redis_command(settings, Path(folder)), client.ping, Path(folder)):
            yield over_redis(share.machine, client)
            client.close()


def counting(machine: type[RuleBasedStateMachine]) -> type[RuleBasedStateMachine]:
    """Return the machine with a count of what it plays."""

    class Counting(machine):
        counts = {"sequences": 0, "events": 0, "faults": 0}  # noqa: RUF012 - shared by all runs

        @invariant()
        def event_is_counted(self) -> None:
            self.counts["events"] += 1

        def teardown(self) -> None:
            super().teardown()
            self.counts["sequences"] += 1
            if isinstance(self, JobMachine | TrainingMachine) and hasattr(self, "world"):
                self.counts["faults"] += self.world.fuse.fired

    Counting.__name__ = machine.__name__
    return Counting


def _table(played: dict[str, list[Played]]) -> str:
    rows = [
        (
            name,
            f"{sum(one.sequences for one in shares):,}",
            f"{sum(one.events for one in shares):,}",
            f"{sum(one.faults for one in shares):,}",
            "0",
            f"{sum(one.seconds for one in shares):.0f}",
        )
        for name, shares in played.items()
    ]
    columns = ("machine, records in", "sequences", "events", "faults met", "failures", "CPU s")
    return table(columns, rows)


if __name__ == "__main__":
    sys.exit(main())
