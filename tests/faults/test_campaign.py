"""Every kind of fault once against a stack under load: what was accepted is done, and done once."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.faults.campaign.campaign import BOUNCE_SECONDS, Report, plan, slowest
from tests.faults.campaign.kinds import FAULTS
from tests.faults.campaign.site import Site
from tests.faults.stack.fault_stack import FaultStack

pytestmark = pytest.mark.timeout(1800)


def test_the_same_seed_makes_the_same_faults() -> None:
    assert plan(7, 200) == plan(7, 200)
    assert plan(7, 200) != plan(8, 200)


def test_every_kind_comes_before_chance_alone_decides() -> None:
    assert {fault.kind for fault in plan(7, len(FAULTS))} == set(FAULTS)


def site(taken: list[float], bounces: list[float], stops: list[tuple[float, float]]) -> Site:
    """One whose worker took messages at some moments."""
    stack = SimpleNamespace(events=lambda _name, _value: [(moment, {}) for moment in taken])
    loads: dict[str, Any] = dict.fromkeys(("gallery", "trainings", "client"))
    return Site(stack=cast("FaultStack", stack), **loads, bounces=bounces, stops=stops)


def test_longest_wait_is_from_a_bounce_to_the_next_message() -> None:
    assert slowest(site([1, 12, 40], [10, 20], []), "worker") == 20
    assert slowest(site([1, 12, 40], [10, 20, 39], []), "worker", last=True) == 1
    assert slowest(site([1, 12, 40], [10, 50], []), "worker") is None


def test_while_nobody_can_consume_nobody_is_late() -> None:
    assert slowest(site([1, 90], [10, 80], [(22, 80)]), "worker") == 10
    assert slowest(site([1, 15, 90], [10, 80], [(22, 80)]), "worker") == 10
    assert slowest(site([1, 90], [30, 80], [(22, 28)]), "worker") == 60


@pytest.mark.parametrize("kind", FAULTS)
def test_every_kind_of_fault_came(report: Report, disk: tuple[Path, bool], kind: str) -> None:
    if kind == "disk full" and not disk[1]:
        pytest.skip("no disk of its own can be mounted here")
    assert kind in {fault.kind for fault in report.done}


def test_no_accepted_photo_is_lost(report: Report) -> None:
    """Every 202 ends, and every photo of it has one result that decodes to its size."""
    assert report.albums
    assert report.lost == []


def test_every_training_ends_in_the_same_nets(report: Report) -> None:
    """Bit for bit, whatever became of its trainers, of Redis and of S3 meanwhile."""
    assert report.trainings > 0
    assert report.astray == []


def test_no_photo_has_two_results(report: Report) -> None:
    assert report.audit.doubles == []


def test_no_commit_was_stale_and_no_count_ran_backwards(report: Report) -> None:
    assert report.stale == []


def test_a_zombies_commit_was_refused(report: Report) -> None:
    """The worker that was stopped for three leases came back to a chunk of somebody else's."""
    assert report.refused_commits > 0


def test_no_orphan_is_left_after_the_sweep(report: Report) -> None:
    assert report.audit.orphans == []


def test_what_a_full_redis_turned_away_is_not_half_there(report: Report) -> None:
    assert report.other == []


def test_every_worker_consumes_again_after_redis_was_down(report: Report) -> None:
    assert report.bounces >= 3
    for worker, seconds in report.slowest.items():
        assert seconds is not None, worker
        assert seconds < BOUNCE_SECONDS, worker
