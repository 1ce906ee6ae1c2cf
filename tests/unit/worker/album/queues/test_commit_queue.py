"""Outcomes are committed in the order in which they come, and counted once."""

from infra.jobs.domain.model import PhotoOutcome
from worker.album.queues.commit_queue import CommitQueue


def outcome(index: int) -> PhotoOutcome:
    return PhotoOutcome(index=index, result=f"results/{index}")


def test_outcomes_are_taken_together_in_the_order_in_which_they_came() -> None:
    queue = CommitQueue(3)
    for index in (2, 0, 1):
        queue.put(outcome(index))
    assert [taken.index for taken in queue.take()] == [2, 0, 1]
    assert queue.take() == []


def test_a_chunk_is_open_until_its_last_outcome_is_in_the_record() -> None:
    queue = CommitQueue(2)
    queue.put(outcome(0))
    queue.put(outcome(1))
    queue.take()
    queue.committed(1)
    assert queue.open
    queue.committed(1)
    assert not queue.open
    assert queue.deferred == []


def test_a_deferred_photo_is_waited_for_no_longer() -> None:
    queue = CommitQueue(2)
    queue.defer(1)
    assert queue.open
    queue.committed(1)
    assert not queue.open
    assert queue.deferred == [1]
