"""Does a data folder of another version go on under this one, where everything was killed?

    python3 infra/dev.py bench upgrade [--from REVISION]

A clone of the other revision gets an environment of its own and starts its stack on a data folder.
An album and a training are sent; in the middle of both, every process is killed. Then this version
starts on the same folder. In the end each photo must have exactly one result and the training all
of its stages, and what had been committed must lie there as it did: not made twice, not touched.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from impasto_client import Client, Item, ItemState, Job, JobState
from infra import layout
from infra.stack import EmbeddedStack
from infra.stack.programs import TRAINER
from infra.tenants import DEFAULT_TENANT
from tests.bench.common.environments import check_out, install
from tests.bench.common.tables import table
from tests.bench.service.common.other_version import OtherStack
from tests.bench.training.common.slice_log import read_slices
from tests.integration.live_stack import LiveStack, wait_until
from tests.integration.live_training import (
    TRAINING_SECONDS,
    finished,
    iteration,
    submit_training,
    training_settings,
    write_painting,
)
from tests.photos import encoded, scene

#: The last revision of version 0.1.0.
BEFORE: Final = "b289bd4"
PHOTOS: Final = 60
#: Width and height of the smallest photo; each is a pixel wider than the one before it.
SIZE: Final = (320, 240)
STYLE: Final = "water-lilies"
TAUGHT: Final = "taught"
#: Three stages: the first two are published soon, and in the last one it is killed.
SCHEDULE: Final = "0.2:2,1:4,4:32"
STAGES: Final = 3
#: Iterations of the last stage that are done before the kill, so that a checkpoint lies in it.
BEHIND: Final = 6 + 6
#: Photos of a chunk, and how many are done before the kill.
CHUNK: Final = 4
DONE: Final = 10
#: Seconds until a stack must be ready, on a machine that is busy with other things.
READY_SECONDS: Final = 600.0
#: How both versions run; names as both know them.
SETTINGS: Final[dict[str, object]] = {
    "port": 0,
    "chunk_photos": CHUNK,
    "lease_seconds": 6,
    "heartbeat_seconds": 1,
    "sweep_seconds": 1,
    "ring_patience_seconds": 5,
    "device": "cpu",
    "threads": 1,
    "trainer_threads": 1,
    "checkpoint_seconds": 2,
}


@dataclass(frozen=True, slots=True)
class Killed:
    """What the other version had committed when it was killed."""

    album: str
    training: str
    #: Photos that were seen done or failed, as they were then, by their place.
    items: dict[int, Item]
    #: The training's place: (stage, iteration of the whole schedule).
    position: tuple[int, int]
    processes: int
    #: Key of each photo's result, as its outcomes in the bucket told.
    results: dict[int, str]
    #: SHA-256 (hex) and time of change (ns) of every result and net by its key.
    files: dict[str, tuple[str, int]]


@dataclass(slots=True)
class Outcome:
    """What came of it: numbers to be told, and what should not have been, each a sentence."""

    numbers: dict[str, object] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def expect(self, holds: bool, sentence: str) -> None:
        """Note what does not hold."""
        if not holds:
            self.wrong.append(sentence)


def main() -> int:
    """Upgrade, print what came of it; 1 when anything was lost or made twice."""
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="impasto-upgrade-") as made:
        folder = Path(options.out or made).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        environment = options.environment
        if environment is None:
            print(f"installing {options.revision} into an environment of its own", flush=True)
            environment = install(
                check_out(options.revision, folder / "checkout"), folder / "environment"
            )
        outcome = upgrade(folder, environment.resolve(), options.photos)
    print(f"\n### A data folder of {options.revision} under this version\n")
    print(table(("what", "value"), list(outcome.numbers.items())))
    print("\n".join(f"WRONG: {sentence}" for sentence in outcome.wrong) or "\nNothing is wrong.")
    return 1 if outcome.wrong else 0


def upgrade(folder: Path, environment: Path, photos: int) -> Outcome:
    """Run both versions one after the other on a data folder below `folder`."""
    data = folder / "data"
    settings = training_settings(data, **SETTINGS)
    chosen = {**SETTINGS, "loss_weights": settings.loss_weights}
    with OtherStack(environment, data, chosen) as stack:
        killed = kill_in_the_middle(stack, folder, data, photos)
    print(f"killed {killed.processes} processes with {len(killed.items)} photos done", flush=True)
    begun = time.time()
    embedded = EmbeddedStack(settings)
    with embedded, Client(embedded.url) as client:
        live = LiveStack(embedded)
        live.wait_ready(READY_SECONDS)
        outcome = Outcome()
        ready = time.time()
        job = finished(client, killed.album)
        trained = finished(client, killed.training)
        judge_album(outcome, client, job, killed, photos)
        judge_training(outcome, trained, killed, data, begun)
        judge_files(outcome, data, killed, photos)
    outcome.numbers["seconds until it was ready"] = round(ready - begun, 1)
    outcome.numbers["seconds until both had ended"] = round(time.time() - begun, 1)
    return outcome


def kill_in_the_middle(stack: OtherStack, folder: Path, data: Path, photos: int) -> Killed:
    """Send a training and an album to the other version, and kill it in the middle of both."""
    corpus = folder / "corpus"
    write_pictures(corpus, 12, (320, 300))
    stack.command("corpus", "add", "scenes", str(corpus))
    with Client(stack.url) as client:
        training = submit_training(client, write_painting(folder), TAUGHT, SCHEDULE)
        wait_until(
            lambda: iteration(client, training.id) > BEHIND, "the last stage", TRAINING_SECONDS
        )
        paths = write_pictures(folder / "photos", photos, SIZE)
        album = client.submit(paths, style=STYLE)
        wait_until(lambda: client.job(album.id).counts.done >= DONE, "some photos", 600)
        items = seen(client, album.id)
        job = client.job(training.id)
        assert job.training is not None
        assert not job.state.terminal, "the training has ended too soon"
        position = (job.training.stage, job.training.iteration)
        processes = stack.kill()
    assert len(items) < photos, "the album has ended too soon"
    results = outcomes(data, album.id)
    files = dict(made(data))
    return Killed(album.id, training.id, items, position, processes, results, files)


def write_pictures(folder: Path, count: int, size: tuple[int, int]) -> list[Path]:
    """Write photos of different widths, so that each is another photo."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:03d}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(encoded(scene(size[0] + number, size[1]), "JPEG"))
    return paths


def seen(client: Client, job: str) -> dict[int, Item]:
    """Return the photos that are done or failed, by their place."""
    ended = (ItemState.DONE, ItemState.FAILED)
    return {item.index: item for item in client.items(job) if item.state in ended}


def outcomes(data: Path, job: str) -> dict[int, str]:
    """Return the key of each photo's result, as the outcomes in a data folder's bucket tell."""
    files = f"*/{layout.outcomes_prefix(DEFAULT_TENANT, job)}*/*.jsonl"
    lines = [line for path in (data / "s3").glob(files) for line in path.read_text().splitlines()]
    return {told["index"]: told["result"] for told in map(json.loads, lines)}


def made(data: Path) -> Iterator[tuple[str, tuple[str, int]]]:
    """Yield every result and every net of a data folder's bucket by its key."""
    for path in sorted((data / "s3").rglob("*")):
        bucket, _, key = path.relative_to(data / "s3").as_posix().partition("/")
        if bucket and path.is_file() and ("/results/" in key or "/nets/" in key):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            yield key, (digest, path.stat().st_mtime_ns)


def judge_album(outcome: Outcome, client: Client, job: Job, killed: Killed, photos: int) -> None:
    """Look whether each photo has one result, and those that were done the one that they had."""
    after = seen(client, killed.album)
    outcome.numbers["photos done before the kill"] = f"{len(killed.items)} of {photos}"
    outcome.numbers["photos done in the end"] = job.counts.done
    outcome.expect(job.state is JobState.SUCCEEDED, f"the album ended as {job.state}")
    outcome.expect(
        (job.counts.done, len(after)) == (photos, photos), f"{job.counts.done} of {photos} are done"
    )
    for index, item in killed.items.items():
        same = index in after and lasting(after[index]) == lasting(item)
        outcome.expect(same, f"photo {index} was done, and something else is told of it now")


def lasting(item: Item) -> Item:
    """Return all that a client is told of a photo, but for the service's address."""
    return replace(item, result=None)


def judge_training(outcome: Outcome, job: Job, killed: Killed, data: Path, begun: float) -> None:
    """Look whether every stage was published, and where this version went on."""
    assert job.training is not None
    slices = read_slices([data / "logs" / f"{TRAINER}.log"], {})
    first = next((one for one in slices if one.job == job.id and one.begun >= begun), None)
    outcome.numbers["training killed at (stage, iteration)"] = str(killed.position)
    outcome.numbers["went on at (stage, its iteration)"] = str(first and first.position)
    outcome.expect(job.state is JobState.SUCCEEDED, f"the training ended as {job.state}")
    outcome.expect(job.counts.done == STAGES, f"{job.counts.done} of {STAGES} stages are published")
    outcome.expect(
        first is not None and first.position > (killed.position[0], 0),
        "the training did not go on behind a checkpoint of its last stage",
    )


def judge_files(outcome: Outcome, data: Path, killed: Killed, photos: int) -> None:
    """Look whether each photo has one result, and what was committed lies there untouched."""
    results, files = outcomes(data, killed.album), dict(made(data))
    prefix = layout.results_prefix(DEFAULT_TENANT, killed.album)
    lying = {key for key in files if key.startswith(prefix)}
    outcome.numbers["results in the bucket"] = len(lying)
    outcome.expect(
        len(lying) == photos and lying == set(results.values()),
        f"{photos} photos have {len(lying)} results in the bucket, {len(results)} of them told",
    )
    nets = [key for key in killed.files if key.startswith(layout.STYLES_PREFIX)]
    committed = [*(killed.results[index] for index in killed.items), *nets]
    outcome.numbers["results and nets that were committed"] = len(committed)
    outcome.numbers["of them untouched"] = sum(files.get(k) == killed.files[k] for k in committed)
    for index in killed.items:
        same = results[index] == killed.results[index]
        outcome.expect(same, f"photo {index} has another result")
    for key in committed:
        outcome.expect(files.get(key) == killed.files[key], f"{key} was made again")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="infra/dev.py bench upgrade", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--from", dest="revision", default=BEFORE, help=f"the other version (default: {BEFORE})"
    )
    parser.add_argument("--photos", type=int, default=PHOTOS, help=f"default: {PHOTOS}")
    parser.add_argument("--out", type=Path, help="keep everything here (default: throw away)")
    parser.add_argument(
        "--environment", type=Path, help="one that has the other version (default: install it)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
