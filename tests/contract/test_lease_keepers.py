"""What every keeper of a lease must do: that of a chunk, and that of a training.

Both over a job service in memory, so that a test sees what others see: who holds the work, whom it
blames for a loss, and who is notified of it.
"""

import threading
import time
from contextlib import suppress

import pytest
from structlog.testing import capture_logs

from infra.errors import ServiceUnavailable
from infra.jobs.domain.model import (
    JobState,
)
from tests.contract.lease_holders import (
    AWAY,
    GRACE,
    LEASE,
    ChunkHolder,
    Holder,
    TrainingHolder,
    ended_by,
    wait_until,
)
from tests.fakes.service import TENANT
from worker.process.lease_keeper import OUTAGE_PATIENCE, Halted


@pytest.fixture(params=[ChunkHolder, TrainingHolder])
def holder(request: pytest.FixtureRequest) -> Holder:
    return request.param()


def test_outage_shorter_than_the_lease_is_endured(holder: Holder) -> None:
    answers: list[Exception | None] = [AWAY, AWAY, None]

    def action() -> str:
        holder.at.clock.advance(LEASE / 3)
        if error := answers.pop(0):
            raise error
        return "done"

    with holder.keeper() as keeper:
        assert keeper.persist(action) == "done"


def test_each_report_makes_the_lease_live_longer(holder: Holder) -> None:
    with holder.keeper() as keeper:
        for _ in range(3):
            holder.at.clock.advance(LEASE - 1)
            holder.begin(keeper)
            holder.at.jobs.sweep.run()
        assert holder.work.lease is not None


def test_long_action_that_fails_at_its_end_is_no_long_outage(holder: Holder) -> None:
    """Patience counts from the first failure: the server was there before."""
    answers: list[Exception | None] = [AWAY, None]

    def action() -> None:
        holder.at.clock.advance(OUTAGE_PATIENCE)
        if error := answers.pop(0):
            raise error

    with holder.keeper(lease=1e6) as keeper:
        keeper.persist(action)
    assert answers == []


def test_outage_that_lasts_ends_the_work_although_the_lease_lives(holder: Holder) -> None:
    """What is away may be this job's alone, and others wait. Told of it, they would fail, too."""
    with suppress(Halted, ServiceUnavailable), holder.keeper(lease=1e6) as keeper:
        keeper.persist(holder.away(OUTAGE_PATIENCE / 4))
    assert keeper.halted
    assert (holder.work.lease, holder.work.strikes, holder.notified) == (None, {}, [])


def test_outage_that_outlives_the_lease_leaves_the_work_and_blames_nobody(holder: Holder) -> None:
    """The sweeper takes us for dead first; we say that we live as soon as Redis hears it."""
    with suppress(Halted), holder.keeper() as keeper:
        holder.at.records.down = True
        assert ended_by(keeper, lambda: holder.away(6)()) == 4
        assert keeper.halted
        with pytest.raises(Halted):
            keeper.persist(lambda: pytest.fail("nothing may be done any more"))
        threading.Timer(0.05, lambda: setattr(holder.at.records, "down", False)).start()
    assert (holder.work.lease, holder.work.strikes) == (None, {})


def test_strikes_of_a_loss_that_we_outlived_are_taken_back(holder: Holder) -> None:
    with suppress(Halted), holder.keeper() as keeper:
        holder.lose()
        assert holder.work.strikes
        assert ended_by(keeper, lambda: holder.begin(keeper)) == 1
    assert holder.work.strikes == {}


def test_no_outage_is_endured_once_the_process_is_to_end(holder: Holder) -> None:
    """The seconds that are left are for the release: killed before it, others would be blamed."""
    with suppress(ServiceUnavailable), holder.keeper() as keeper:
        holder.stop.set()
        assert ended_by(keeper, holder.away(0.1)) == 1
        raise AWAY  # as a trainer lets it pass
    assert (holder.work.lease, holder.work.strikes) == (None, {})


def test_stop_leaves_work_its_grace_and_then_gives_it_back(holder: Holder) -> None:
    """The thread that works is busy with a photo or a step, and sees nothing of this."""
    with holder.keeper() as keeper:
        holder.stop.set()
        time.sleep(0.8)
        assert holder.work.lease is not None
        holder.at.clock.advance(GRACE)
        assert wait_until(lambda: holder.work.lease is None)
        with pytest.raises(Halted):
            keeper.check()
    assert holder.work.strikes == {}
    assert holder.notified == [(holder.job, 0)], (
        "nothing is wrong with it: others may begin at once"
    )


def test_release_by_a_stop_is_repeated_while_the_work_goes_on(holder: Holder) -> None:
    """The process may be killed before the thread that works comes back."""
    with holder.keeper(grace=0) as keeper:
        holder.at.records.down = True
        holder.stop.set()
        assert wait_until(lambda: keeper.halted)
        holder.at.records.down = False
        assert wait_until(lambda: holder.work.lease is None)


def test_lease_lost_while_handing_in_blames_nobody(holder: Holder) -> None:
    def too_late() -> None:
        holder.lose()
        holder.hand_in()

    with suppress(Halted), holder.keeper() as keeper:
        keeper.hand_in(too_late)
    assert keeper.halted
    assert holder.state is JobState.RUNNING
    assert holder.work.strikes == {}


def test_work_that_was_handed_in_unheard_is_handed_in_once(holder: Holder) -> None:
    """The answer was lost on its way: the second try finds no lease, and that harms nothing."""
    tries = 0

    def unheard() -> None:
        nonlocal tries
        tries += 1
        holder.hand_in()
        if tries == 1:
            raise AWAY

    with suppress(Halted), holder.keeper() as keeper:
        keeper.hand_in(unheard)
    assert tries == 2
    assert holder.state is JobState.SUCCEEDED


def test_heartbeat_takes_handing_in_for_no_loss(holder: Holder) -> None:
    """The work has no lease any more when the next beat comes."""

    def slowly() -> None:
        holder.hand_in()
        holder.at.clock.advance(LEASE)
        time.sleep(0.05)

    with capture_logs() as logs, holder.keeper(heartbeat=0.001) as keeper:
        keeper.hand_in(slowly)
    assert holder.state is JobState.SUCCEEDED
    assert not [entry for entry in logs if "lost" in entry["event"]]


def test_heart_beats_until_the_work_is_handed_in(holder: Holder) -> None:
    """Handing in may meet an outage of S3, and takes as long."""

    def slowly() -> None:
        holder.live(2 * LEASE)
        holder.at.jobs.sweep.run()
        holder.hand_in()

    with holder.keeper(heartbeat=0.001) as keeper:
        keeper.hand_in(slowly)
    assert holder.state is JobState.SUCCEEDED
    assert not [thread for thread in threading.enumerate() if thread.name == "heartbeat"]


def test_outage_of_the_bucket_costs_no_lease(holder: Holder) -> None:
    """A heartbeat goes through Redis alone."""
    with holder.keeper(heartbeat=0.001):
        holder.at.objects.down = True
        holder.live(2 * LEASE)
        holder.at.objects.down = False
        holder.at.jobs.sweep.run()
        assert holder.work.lease is not None


def test_heart_goes_on_after_an_unexpected_error(holder: Holder) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with capture_logs() as logs, holder.keeper(heartbeat=0.001):
        holder.at.fuse.set(0, fail)
        holder.at.clock.advance(1)
        assert wait_until(lambda: holder.at.fuse.fired == 1)
        holder.live(2 * LEASE)
        holder.at.jobs.sweep.run()
        assert holder.work.lease is not None
    assert any("failed by a bug" in entry["event"] for entry in logs)


def test_cancelled_job_ends_once_its_work_has_stopped(holder: Holder) -> None:
    with suppress(Halted), holder.keeper(heartbeat=0.001) as keeper:
        holder.at.jobs.cancellation.cancel(holder.job, TENANT)
        holder.at.clock.advance(1)
        assert wait_until(lambda: keeper.halted)
        keeper.check()
    assert holder.state is JobState.CANCELLED


def test_release_that_redis_does_not_hear_is_repeated(holder: Holder) -> None:
    """Left to its lease, the work would be blamed for an outage."""
    with holder.keeper() as keeper:
        holder.at.records.down = True
        keeper.release()
        with pytest.raises(Halted):
            keeper.check()
        threading.Timer(0.05, lambda: setattr(holder.at.records, "down", False)).start()
    assert (holder.work.lease, holder.work.strikes) == (None, {})
    assert holder.notified == [(holder.job, 0)]


def test_process_that_is_to_end_repeats_a_release_for_a_while(holder: Holder) -> None:
    with capture_logs() as logs, holder.keeper(grace=0) as keeper:
        holder.at.records.down = True
        holder.stop.set()
        keeper.release()
    assert holder.work.lease is not None
    assert [entry["event"] for entry in logs][-1] == "work left to its lease"
    assert {entry["event"] for entry in logs[:-1]} == {"lease release not delivered"}


@pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt])
def test_end_of_the_process_gives_the_work_back(holder: Holder, end: type[BaseException]) -> None:
    with pytest.raises(end), holder.keeper():
        raise end
    assert (holder.work.lease, holder.work.strikes) == (None, {})
    assert holder.notified == [(holder.job, 0)]


def test_unexpected_error_leaves_the_work_to_its_lease(holder: Holder) -> None:
    """Given back at once, it would come again at once, and for ever; a loss is counted."""
    with pytest.raises(ZeroDivisionError), holder.keeper() as keeper:
        keeper.persist(lambda: 1 // 0)
    assert holder.work.lease is not None
    holder.lose()
    assert holder.work.strikes
