"""The rules of trainings, one at a time."""

import pytest
from pydantic import ValidationError

from infra.jobs.domain import deferral, rules, training_rules
from infra.jobs.domain.model import JobDraft, JobRecord, JobSpec, JobState, Problem
from tests.fakes.service import BLEND
from tests.fakes.trainings import at, draft

JOB = "j" * 26
NOW = 1_800_000_000.0
TTL = 20.0
PATIENCE = 30.0
PROBLEM = Problem(type="training-diverged", detail="It went up and up.")


def spec() -> JobSpec:
    return JobSpec(**draft(JOB).model_dump(), total=3, chunk_photos=3, created=NOW)


@pytest.fixture
def offered() -> JobRecord:
    record, due = rules.offer(JobRecord(spec=spec()), NOW, 8)
    assert due == [0]
    return record


@pytest.fixture
def held(offered: JobRecord) -> JobRecord:
    return training_rules.claim(offered, "t", NOW, TTL)[0]


def crash(record: JobRecord, times: int) -> JobRecord:
    """Let so many trainers in a row be lost without a word."""
    for _ in range(times):
        if record.active[0].lease is None:
            record, _ = training_rules.claim(record, "t", NOW, TTL)
        record, _ = training_rules.sweep(record, NOW + TTL, PATIENCE)
    return record


def test_training_is_one_chunk_however_many_stages() -> None:
    assert spec().model_copy(update={"chunk_photos": 1}).chunks == 1
    assert spec().training_config.iterations == 400


def test_album_of_an_older_version_can_still_be_read() -> None:
    old = '{"id":"j","tenant":"t","kind":"stylize","style":"s","blend":[],"total":9,'
    record = JobRecord.model_validate_json('{"spec":' + old + '"chunk_photos":4,"created":1.0}}')
    assert (record.spec.chunks, record.training, record.published) == (3, None, ())
    with pytest.raises(ValueError, match="not a training"):
        _ = record.spec.training_config


def test_training_survives_its_json(held: JobRecord) -> None:
    record, _ = training_rules.report_training(held, held.last_token, at(7), NOW, TTL)
    for document in (record.model_dump_json(), record.model_dump_json(exclude_none=True)):
        assert JobRecord.model_validate_json(document) == record


@pytest.mark.parametrize(
    "wrong", [{"kind": "stylize"}, {"training": None}, {"style": "another"}, {"kind": "paint"}]
)
def test_draft_must_be_an_album_or_a_training(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        JobDraft.model_validate({**draft(JOB).model_dump(), **wrong})


def test_claim_starts_the_training_and_holds_it(offered: JobRecord) -> None:
    record, token = training_rules.claim(offered, "t", NOW, TTL)
    assert (record.state, record.started) == (JobState.RUNNING, NOW)
    assert token == record.last_token
    with pytest.raises(rules.NotClaimable):
        training_rules.claim(record, "u", NOW, TTL)


def test_album_is_no_training() -> None:
    album = JobSpec(
        id=JOB, tenant="t", style="s", blend=BLEND, total=3, chunk_photos=3, created=NOW
    )
    record, _ = rules.offer(JobRecord(spec=album), NOW, 8)
    with pytest.raises(rules.NotClaimable):
        training_rules.claim(record, "t", NOW, TTL)
    record, _ = rules.claim(record, 0, "w", NOW, TTL)
    swept, late = training_rules.sweep(record, NOW + TTL, PATIENCE)
    assert (swept, late) == rules.sweep(record, NOW + TTL, PATIENCE)


def test_report_extends_the_lease_and_notes_progress(held: JobRecord) -> None:
    record, kept = training_rules.report_training(held, held.last_token, at(7), NOW + 5, TTL)
    assert kept
    assert record.training == at(7)
    lease = record.active[0].lease
    assert lease
    assert lease.expires == NOW + 5 + TTL


def test_progress_never_runs_backwards(held: JobRecord) -> None:
    """A trainer that goes on from its checkpoint repeats what was reported before."""
    token = held.last_token
    for iteration in (150, 60, 149):
        held, _ = training_rules.report_training(held, token, at(iteration), NOW, TTL)
        assert held.training == at(150)
    held = training_rules.end_slice(held, token, at(100), NOW)
    assert held.training == at(150)


def test_what_is_measured_in_a_repetition_is_reported(held: JobRecord) -> None:
    """Its losses and pace are those of now, although its place was passed long ago."""
    token = held.last_token
    for progress in (at(150, content=0.9, style=0.2), at(60, content=0.4, images_per_second=3.0)):
        held, _ = training_rules.report_training(held, token, progress, NOW, TTL)
    assert held.training == at(150, content=0.4, style=0.2, images_per_second=3.0)


def test_same_place_may_be_known_better(held: JobRecord) -> None:
    token = held.last_token
    for progress in (at(7), at(7, content=0.4)):
        held, _ = training_rules.report_training(held, token, progress, NOW, TTL)
    assert held.training == at(7, content=0.4)


def test_stale_token_is_refused_everywhere(held: JobRecord) -> None:
    token = held.last_token
    freed = training_rules.end_slice(held, token, None, NOW)
    taken, newer = training_rules.claim(freed, "u", NOW, TTL)
    assert newer > token
    for record in (freed, taken):
        for act in (
            lambda r: training_rules.report_training(r, token, at(399), NOW, TTL),
            lambda r: training_rules.end_slice(r, token, at(399), NOW),
            lambda r: training_rules.defer(r, token, at(399), NOW),
            lambda r: training_rules.publish_stage(r, token, 0),
            lambda r: training_rules.finish_training(r, token, NOW),
            lambda r: training_rules.fail_training(r, token, PROBLEM, NOW),
        ):
            with pytest.raises(rules.StaleLease):
                act(record)


def test_progress_clears_retry_rounds(held: JobRecord) -> None:
    """And a round that repeats what is known is none."""
    for iteration, rounds in ((None, 1), (7, 2), (7, 3), (5, 4), (8, 1)):
        progress = None if iteration is None else at(iteration)
        held = training_rules.defer(held, held.last_token, progress, NOW)
        assert held.active[0].retry_rounds == {0: rounds}
        assert bool(deferral.last_attempt(held.active[0])) == (rounds == deferral.RETRY_ROUNDS - 1)
        held, _ = training_rules.claim(held, "t", NOW, TTL)
    assert held.active[0].strikes == {}


def test_stages_are_counted_once(held: JobRecord) -> None:
    token = held.last_token
    for stage, done in ((0, 1), (0, 1), (2, 2), (1, 3), (2, 3)):
        held = training_rules.publish_stage(held, token, stage)
        assert held.done == done
    assert held.published == (0, 1, 2)
    with pytest.raises(ValueError, match="no stage 3"):
        training_rules.publish_stage(held, token, 3)


def test_training_succeeds_with_the_stages_that_were_good_enough(held: JobRecord) -> None:
    record = training_rules.publish_stage(held, held.last_token, 0)
    record = training_rules.finish_training(record, held.last_token, NOW + 9)
    assert (record.state, record.done, record.failed) == (JobState.SUCCEEDED, 1, 2)
    assert (record.finished, record.active) == (NOW + 9, {})
    assert training_rules.part_done(record) == 1.0


def test_training_without_a_stage_has_failed(held: JobRecord) -> None:
    record = training_rules.finish_training(held, held.last_token, NOW)
    assert record.state is JobState.FAILED
    assert record.error
    assert record.error.type == "no-stage-published"


def test_failure_keeps_what_was_published(held: JobRecord) -> None:
    record = training_rules.publish_stage(held, held.last_token, 0)
    record = training_rules.fail_training(record, held.last_token, PROBLEM, NOW)
    assert (record.state, record.error, record.published) == (JobState.FAILED, PROBLEM, (0,))


def test_many_lost_trainers_without_progress_end_the_training(offered: JobRecord) -> None:
    record = crash(offered, training_rules.STRIKES - 1)
    assert record.state is JobState.RUNNING
    record = crash(record, 1)
    assert (record.state, record.active) == (JobState.FAILED, {})
    assert record.error
    assert record.error.type == "training-crashes-worker"
    assert record.failed == 3


def test_lost_lease_of_a_training_that_is_given_up_is_reported(offered: JobRecord) -> None:
    record = crash(offered, training_rules.STRIKES - 1)
    held, _ = training_rules.claim(record, "t", NOW, TTL)
    swept, due = training_rules.sweep(held, NOW + TTL, PATIENCE)
    assert (rules.lost(held, swept), due) == ([0], [])


def test_trainer_that_outlived_its_lease_takes_its_strike_back(held: JobRecord) -> None:
    token = held.last_token
    record = crash(held, 1)
    assert record.active[0].strikes == {0: 1}
    for progress in (None, at(7)):
        ended = training_rules.end_slice(record, token, progress, NOW + TTL)
        assert ended.active[0].strikes == {}
        assert ended.training is None


def test_progress_forgives_lost_trainers(held: JobRecord) -> None:
    """Twenty kills in a row end nothing, as long as the training moves in between."""
    for iteration in range(20):
        held, _ = training_rules.report_training(held, held.last_token, at(iteration), NOW, TTL)
        held = crash(held, 1)
        held, _ = training_rules.claim(held, "t", NOW, TTL)
    assert held.active[0].strikes == {0: 1}


def test_repeated_iterations_forgive_nothing(held: JobRecord) -> None:
    """A photo that kills the trainer at iteration 50 kills it there each time."""
    for _ in range(training_rules.STRIKES):
        for iteration in (40, 50):
            held, _ = training_rules.report_training(held, held.last_token, at(iteration), NOW, TTL)
        held = crash(held, 1)
        if held.state is JobState.RUNNING:
            held, _ = training_rules.claim(held, "t", NOW, TTL)
    assert held.state is JobState.FAILED


def test_end_of_a_slice_is_no_strike(held: JobRecord) -> None:
    for _ in range(9):
        held = training_rules.end_slice(held, held.last_token, None, NOW)
        assert held.active[0].strikes == {}
        held, _ = training_rules.claim(held, "t", NOW, TTL)


@pytest.mark.parametrize("way", ["slice", "finish", "fail", "sweep"])
def test_cancelled_training_ends_once_its_trainer_has_stopped(held: JobRecord, way: str) -> None:
    """Not before: it may be in the middle of publishing a stage."""
    token = held.last_token
    record, going_on = training_rules.report_training(
        rules.cancel(held, NOW), token, at(120), NOW, TTL
    )
    assert not going_on
    record = training_rules.publish_stage(record, token, 0)
    assert (record.state, record.training) == (JobState.CANCELLING, at(120))
    match way:
        case "slice":
            record = training_rules.end_slice(record, token, None, NOW)
        case "finish":
            record = training_rules.finish_training(record, token, NOW)
        case "fail":
            record = training_rules.fail_training(record, token, PROBLEM, NOW)
        case _:
            record, due = training_rules.sweep(record, NOW + TTL, PATIENCE)
            assert due == []
    assert (record.state, record.published, record.error) == (JobState.CANCELLED, (0,), None)


def test_rebuilt_training_goes_on_where_it_was() -> None:
    tokens = [int((NOW + 1) * 1_000_000), int((NOW + 5) * 1_000_000)]
    record = training_rules.rebuild(
        spec(), published=(0, 1), tokens=tokens, progress=at(210), cancelled=False, now=NOW + 9
    )
    assert (record.state, record.done, record.started) == (JobState.RUNNING, 2, NOW + 1)
    assert record.training == at(210)
    _, due = training_rules.sweep(record, NOW + 9, PATIENCE)
    assert due == [0]
    _, token = training_rules.claim(record, "t", NOW, TTL)
    assert token > tokens[-1]


def test_rebuilt_training_that_nobody_began_is_offered() -> None:
    record = training_rules.rebuild(
        spec(), published=(), tokens=[], progress=None, cancelled=False, now=NOW
    )
    assert record == JobRecord(spec=spec())
    assert rules.offer(record, NOW, 8)[1] == [0]


@pytest.mark.parametrize("tokens", [[], [5]])
def test_rebuilt_training_remembers_that_it_was_cancelled(tokens: list[int]) -> None:
    record = training_rules.rebuild(
        spec(), published=(), tokens=tokens, progress=None, cancelled=True, now=NOW
    )
    assert record.state is JobState.CANCELLED


def test_time_left_follows_the_trainers_pace(held: JobRecord) -> None:
    assert training_rules.eta(held) is None
    token = held.last_token
    slow, _ = training_rules.report_training(held, token, at(100), NOW, TTL)
    assert training_rules.eta(slow) is None
    known = at(100, images_per_second=10.0)
    record, _ = training_rules.report_training(held, token, known, NOW, TTL)
    assert training_rules.eta(record) == 300 * 4 / 10
    assert training_rules.part_done(record) == 0.25
