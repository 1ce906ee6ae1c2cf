"""A record that is made anew from what lies in the bucket, and its JSON."""

from infra.jobs.domain import rules
from infra.jobs.domain.model import (
    Chunk,
    JobRecord,
    JobState,
)
from infra.jobs.domain.rebuild import Attempt, rebuild
from tests.fakes.records import (
    NOW,
    TTL,
    claimed,
    failures,
    offered,
    outcomes,
    spec,
)


def test_rebuild_of_an_untouched_job_is_the_job() -> None:
    assert rebuild(spec(), [], cancelled=False, now=NOW) == JobRecord(spec=spec())


def test_rebuild_knows_done_partial_and_unseen_chunks() -> None:
    attempts = [
        Attempt(chunk=3, tokens=(9_000_000,), outcomes=tuple(outcomes(9) + failures(10))),
        Attempt(chunk=1, tokens=(7_000_000,), outcomes=tuple(outcomes(3, 4, 5))),
    ]
    record = rebuild(spec(total=20), attempts, cancelled=False, now=NOW)
    assert (record.done, record.failed) == (4, 1)
    assert record.cursor == 4
    assert sorted(record.active) == [0, 2, 3]
    assert sorted(record.active[3].items) == [9, 10]
    assert record.last_token == 9_000_000
    assert record.started == 7.0
    assert record.state is JobState.RUNNING
    assert rules.sweep(record, NOW, 30)[1] == [3, 0, 2]


def test_rebuild_of_a_finished_job_is_finished() -> None:
    attempt = Attempt(chunk=0, tokens=(1,), outcomes=tuple(outcomes(0, 1)))
    record = rebuild(spec(total=2), [attempt], cancelled=False, now=NOW)
    assert record.state is JobState.SUCCEEDED
    assert record.finished == NOW


def test_rebuild_of_a_cancelled_job_is_cancelled() -> None:
    attempt = Attempt(chunk=0, tokens=(1,), outcomes=tuple(outcomes(0)))
    record = rebuild(spec(), [attempt], cancelled=True, now=NOW)
    assert record.state is JobState.CANCELLED
    assert record.done == 1


def test_record_survives_json() -> None:
    record, token = claimed(offered())
    record, _ = rules.report(record, 0, token, failures(0), [1], NOW, TTL)
    record, _ = rules.sweep(record, NOW + TTL, 30)
    assert isinstance(record.active[0], Chunk)
    assert JobRecord.model_validate_json(record.model_dump_json(exclude_none=True)) == record


def test_renamed_field_keeps_its_stored_name() -> None:
    """Processes of the version before share the record: they write and read `rung_at`."""
    record = offered()
    document = record.model_dump_json(exclude_none=True)
    assert '"rung_at":' in document
    assert "notified_at" not in document
    assert JobRecord.model_validate_json(document).active[0].notified_at == NOW
