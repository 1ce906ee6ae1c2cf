"""One stack under load for the short version of the fault suite."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from impasto_client import Client
from tests.fakes.stack import wait_until_gone
from tests.faults.campaign.campaign import Report, judge, open_site, plan, run
from tests.faults.campaign.kinds import FAULTS
from tests.faults.stack.fault_stack import FaultStack
from tests.faults.stack.small_disk import small_disk

#: Decides what is random in the short version.
SEED = 4


@pytest.fixture(scope="package")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, bool]]:
    """A data folder, and whether it is a disk of its own."""
    folder = tmp_path_factory.mktemp("faults") / "data"
    with small_disk(folder) as mounted:
        yield folder, mounted


@pytest.fixture(scope="package")
def faulty(disk: tuple[Path, bool]) -> Iterator[FaultStack]:
    """API, two workers, trainer, Redis and S3; a bucket that is a little away."""
    folder, _ = disk
    with FaultStack(folder, delay=0.05) as stack:
        yield stack
    assert wait_until_gone(folder, 20) == []


@pytest.fixture(scope="package")
def client(faulty: FaultStack) -> Iterator[Client]:
    with Client(faulty.url) as client:
        yield client


@pytest.fixture(scope="package")
def report(
    faulty: FaultStack,
    client: Client,
    disk: tuple[Path, bool],
    tmp_path_factory: pytest.TempPathFactory,
) -> Report:
    """What became of a campaign in which every kind of fault came once."""
    folder = tmp_path_factory.mktemp("campaign")
    kinds = [kind for kind in FAULTS if disk[1] or kind != "disk full"]
    begun = time.monotonic()
    site = open_site(faulty, folder, client)
    done = run(site, plan(SEED, len(kinds), kinds=kinds, longest_pause=0.5), print)
    return judge(site, done, SEED, begun, folder / "results")
