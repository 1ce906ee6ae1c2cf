"""`kill -9` on trainings: at random moments, and at every boundary of a checkpoint.

    python3 infra/dev.py bench trainkills [--kills 20] [--seed 1]

A whole stack with two trainers works the same small training again and again: once in peace, then
with its trainer killed on the way, until all kills are used up. Every repetition must end in the
nets of the first, bit for bit. Boundaries are met by a gateway in front of S3, see
`tests.bench.training.common.gateway`. The trainers' logs tell who worked when, and what was
repeated.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlsplit

import psutil

from impasto_client import Client, JobState
from infra.settings import Settings
from infra.stack import EmbeddedStack
from infra.stack.credentials import Credentials
from infra.stack.folder import DataFolder
from infra.stack.programs import TRAINER, Plan, Program, make_plan
from infra.storage.s3 import connect_s3
from tests.bench.common.options import parser, prepare, save
from tests.bench.common.tables import table
from tests.bench.training.common.gateway import BOUNDARIES, Gateway
from tests.bench.training.common.slice_log import SliceRecord, overlaps, read_slices, repeated
from tests.integration.live_stack import LiveStack, lives, wait_until
from tests.integration.live_training import (
    TRAINING_SECONDS,
    add_corpus,
    ended,
    finished,
    iteration,
    nets,
    submit_training,
    training_settings,
    write_painting,
)

#: The programs that train, each with a child that does it.
TRAINERS: Final = (TRAINER, "trainer2")
#: Three stages; the last one is the longest.
SCHEDULE: Final = {"tiny": "0.2:2,1:4", "small": "0.2:4,1:8,4:24", "full": "0.2:10,1:40,4:200"}
#: Random kills unless the command line says otherwise.
KILLS: Final = {"tiny": 2, "small": 20, "full": 60}
#: Seconds of a slice's life within which it is killed.
LIFE_SECONDS: Final = 4.0
#: Seconds until the stack must be ready, on a machine that is busy with other things.
READY_SECONDS: Final = 600.0
#: Losses without progress between, after which the next one waits for some: three in a row end a
#: training, by rule.
PATIENT_AFTER: Final = 1


@dataclass(frozen=True, slots=True)
class Kill:
    """A process that was killed: when (seconds since the epoch), which, and at what moment."""

    at: float
    process: int
    moment: str


class Stage:
    """The stack under test, with a gateway before its storage and two trainers behind that."""

    def __init__(self, settings: Settings, photos: Path) -> None:
        self._settings = settings
        self._photos = photos
        self.kills: list[Kill] = []
        self.gateway: Gateway | None = None
        self.stack = EmbeddedStack(settings, planner=self._plan)
        self.live = LiveStack(self.stack)

    @contextmanager
    def running(self) -> Iterator["Stage"]:
        """Run it, with a corpus to learn on."""
        with self.stack:
            assert self.gateway is not None
            self.gateway.start()
            try:
                self.live.wait_ready(READY_SECONDS)
                add_corpus(connect_s3(self.live.settings), self._photos)
                yield self
            finally:
                self.gateway.stop()

    def _plan(self, settings: Settings, folder: DataFolder, credentials: Credentials) -> Plan:
        plan = make_plan(settings, folder, credentials)
        port = urlsplit(str(plan.settings.s3_endpoint)).port
        assert port is not None
        self.gateway = Gateway(port, self.kill_by_port)
        others = [program for program in plan.programs if program.name != TRAINER]
        trainer = next(program for program in plan.programs if program.name == TRAINER)
        trainers = [behind(self.gateway.url, trainer, name) for name in TRAINERS]
        return replace(plan, programs=(*others, *trainers))

    def children(self) -> list[psutil.Process]:
        """The processes that can train, as many as live now."""
        return [child for name in TRAINERS for child in self.live.pool(name)]

    def kill_by_port(self, port: int) -> None:
        """Kill the trainer's child that a connection comes from."""
        assert self.gateway is not None
        for child in self.children():
            if any(c.laddr and c.laddr.port == port for c in child.net_connections("tcp")):
                self.kill(child, "at a boundary")

    def kill(self, process: psutil.Process, moment: str) -> None:
        """Kill a process as `kill -9` does, and wait until it is gone."""
        process.kill()
        self.kills.append(Kill(time.time(), process.pid, moment))
        wait_until(lambda: not lives(process), "a killed process to be gone")

    def slices(self) -> list[SliceRecord]:
        """Return the slices that the trainers have logged so far."""
        logs = [self.live.data / "logs" / f"{name}.log" for name in TRAINERS]
        return read_slices(logs, {kill.process: kill.at for kill in self.kills})

    def open_slice(self, job: str) -> SliceRecord | None:
        """The slice that is worked now, whose process is there to be killed."""
        last = [slice_ for slice_ in self.slices() if slice_.job == job][-1:]
        return last[0] if last and last[0].end is None else None


def behind(gateway: str, trainer: Program, name: str) -> Program:
    """Return a trainer of another name that finds S3 behind the gateway, and waits for nobody."""
    bare = trainer.command[trainer.command.index(sys.executable) :]  # without its `nice`
    command = [part.replace("trainer@", f"{name}@") for part in bare]
    return replace(trainer, name=name, command=("env", f"IMPASTO_S3_ENDPOINT={gateway}", *command))


class Killer:
    """Submits trainings and kills their trainers until enough have died."""

    def __init__(self, stage: Stage, client: Client, painting: Path, schedule: str) -> None:
        self._stage = stage
        self._client = client
        self._painting = painting
        self._schedule = schedule
        #: Style and job of every training that was disturbed.
        self.disturbed: dict[str, str] = {}
        self._without_progress = 0
        self._reached = 0

    def at_random(self, kills: int, chance: random.Random) -> None:
        """Kill at random moments of a slice's life."""
        done = 0
        while done < kills:
            job = self._next("random")
            while done < kills and (slice_ := self._wait_for_slice(job)):
                time.sleep(chance.uniform(0, LIFE_SECONDS))
                self._be_patient(job)
                done += self._kill(slice_)
            finished(self._client, job)

    def at_boundaries(self) -> None:
        """Kill at every boundary of a checkpoint."""
        assert self._stage.gateway is not None
        waiting = list(BOUNDARIES)
        while waiting:
            job = self._next("boundary")
            while waiting and self._wait_for_slice(job):
                self._be_patient(job)
                self._stage.gateway.arm(waiting[0])
                self._wait_while_armed(job)
                if not self._stage.gateway.armed:
                    print(f"killed {waiting.pop(0)} of a checkpoint", flush=True)
            finished(self._client, job)

    def _next(self, how: str) -> str:
        style = f"{how}-{len(self.disturbed)}"
        self._without_progress = self._reached = 0
        self.disturbed[style] = submit_training(
            self._client, self._painting, style, self._schedule
        ).id
        return self.disturbed[style]

    def _wait_for_slice(self, job: str) -> SliceRecord | None:
        """Return the slice that is worked next; None where the training ends before."""
        found: list[SliceRecord | None] = []

        def there() -> bool:
            slice_ = self._stage.open_slice(job)
            over = slice_ is None and ended(self._client, job)
            if slice_ is not None or over:
                found.append(slice_)
            return bool(found)

        wait_until(there, "a trainer to go on", TRAINING_SECONDS)
        return found[0]

    def _be_patient(self, job: str) -> None:
        """Wait for progress where the last losses brought none."""
        if self._without_progress >= PATIENT_AFTER:
            wait_until(
                lambda: iteration(self._client, job) > self._reached or ended(self._client, job),
                "progress",
                TRAINING_SECONDS,
            )
        now = iteration(self._client, job)
        self._without_progress = 0 if now > self._reached else self._without_progress + 1
        self._reached = max(self._reached, now)

    def _kill(self, slice_: SliceRecord) -> int:
        """Kill the process of a slice; returns how many were killed."""
        for child in self._stage.children():
            if child.pid == slice_.process and lives(child):
                self._stage.kill(child, "at random")
                print(f"killed {slice_.process}, {len(self._stage.kills)} so far", flush=True)
                return 1
        return 0

    def _wait_while_armed(self, job: str) -> None:
        gateway = self._stage.gateway
        assert gateway is not None
        wait_until(
            lambda: not gateway.armed or ended(self._client, job), "a boundary", TRAINING_SECONDS
        )


def main() -> None:
    """Measure, and say whether every training ended in the same nets."""
    options = _parser().parse_args()
    out = prepare(options)
    kills = KILLS[options.scale] if options.kills is None else options.kills
    print(f"seed {options.seed}, {kills} random kills, schedule {SCHEDULE[options.scale]}")
    with TemporaryDirectory() as folder:
        results = measure(Path(folder), options.scale, kills, options.seed)
    save(out, "trainkills", results)
    print("\n### A training whose trainers are killed\n")
    print(table(("what", "value"), list(results.items())))
    if not results["all nets as in peace"] or results["two trainers at once"]:
        raise SystemExit(1)


def measure(folder: Path, scale: str, kills: int, seed: int) -> dict[str, object]:
    """Run it all in a folder; returns what is to be told."""
    begun = time.monotonic()
    data, photos = folder / "data", folder / "photos"
    photos.mkdir()
    settings = training_settings(
        data,
        lease_seconds=5,
        heartbeat_seconds=1,
        sweep_seconds=0.5,
        ring_patience_seconds=2,
        checkpoint_seconds=1,
    )
    stage = Stage(settings, photos)
    with stage.running(), Client(stage.live.url) as client:
        painting = write_painting(folder)
        peace = finished(client, submit_training(client, painting, "peace", SCHEDULE[scale]).id)
        assert peace.state is JobState.SUCCEEDED
        killer = Killer(stage, client, painting, SCHEDULE[scale])
        killer.at_boundaries()
        killer.at_random(kills, random.Random(seed))
        told = _results(stage, client, killer.disturbed)
    return {"seed": seed, **told, "seconds": round(time.monotonic() - begun)}


def _results(stage: Stage, client: Client, disturbed: dict[str, str]) -> dict[str, object]:
    expected = nets(stage.live, "peace")
    same = [nets(stage.live, style) == expected for style in disturbed]
    states = [client.job(job).state for job in disturbed.values()]
    slices = [one for one in stage.slices() if one.job in disturbed.values()]
    lost = [repeated(slices, job) for job in disturbed.values()]
    return {
        "kills at boundaries": sum(kill.moment == "at a boundary" for kill in stage.kills),
        "kills at random moments": sum(kill.moment == "at random" for kill in stage.kills),
        "trainings disturbed": len(disturbed),
        "trainings that succeeded": sum(state is JobState.SUCCEEDED for state in states),
        "all nets as in peace": all(same),
        "slices": len(slices),
        "two trainers at once": overlaps(slices),
        "slices that went on before their predecessor's beginning": sum(lost),
    }


def _parser() -> argparse.ArgumentParser:
    made = parser("trainkills", __doc__ or "")
    made.add_argument("--kills", type=int, help="random kills; default: by scale")
    made.add_argument("--seed", type=int, default=1, help="decides the random moments")
    return made


if __name__ == "__main__":
    main()
