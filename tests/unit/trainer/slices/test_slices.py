"""Slices of a training: whatever happens to a trainer, the style ends in the same nets."""

import errno
import json
import math
import os
import shutil
import time
from pathlib import Path

import pytest

from infra import layout
from infra.jobs.domain.model import JobState
from infra.jobs.domain.timing import DAY_SECONDS
from tests.fakes.jobs import Killed
from tests.fakes.service import TENANT
from tests.fakes.trainer import LEASE, MakeTrainer
from trainer.data.corpus import Photos
from trainer.schedule.guard import GuardRules


def test_a_training_becomes_a_style_with_all_that_belongs_to_it(make: MakeTrainer) -> None:
    trainer = make()
    job = trainer.submit()
    view = trainer.finish(job)
    assert (view.state, view.done, view.published) == (JobState.SUCCEEDED, 2, (0, 1))
    assert view.training is not None
    assert (view.training.stage, view.training.iteration) == (2, 7)
    card = trainer.card()
    assert [stage.sha256 for stage in card.stages] == trainer.nets()
    assert card.notes
    assert "only 8 photos" in card.notes[0]
    assert (card.path_from, trainer.catalogue.get("stripes").path_from) == ("photo", "photo")
    files = {key.removeprefix("styles/stripes/") for key in trainer.at.objects.objects}
    assert {"contact-sheet.jpg", "losses.svg", "losses.png", "history.jsonl"} <= files
    assert {f"previews/stage-{stage}/{n}.jpg" for stage in (0, 1) for n in (0, 1)} <= files
    lines = trainer.catalogue.file("stripes", "history.jsonl").splitlines()
    assert [json.loads(line)["stage"] for line in lines] == [0] * 3 + [1] * 4


@pytest.mark.parametrize("steps", [1, 3])
def test_short_slices_end_in_the_same_nets(make: MakeTrainer, steps: int) -> None:
    whole, sliced = make(), make()
    whole.finish(whole.submit())
    view = sliced.finish(sliced.submit(), steps)
    assert view.state is JobState.SUCCEEDED
    assert sliced.nets() == whole.nets()


def test_a_slice_that_ends_sends_the_message_of_the_next(make: MakeTrainer) -> None:
    trainer = make()
    job = trainer.submit()
    trainer.at.notifier.training_messages.clear()
    trainer.worker(steps=3).work(job, "t")
    assert trainer.at.notifier.training_messages == [(job, 0)]
    assert trainer.view(job).state is JobState.RUNNING


def test_the_first_stage_can_be_used_while_the_second_trains(make: MakeTrainer) -> None:
    trainer = make()
    job = trainer.submit(stages=((0.2, 2), (1.0, 40)))
    trainer.worker(steps=12).work(job, "t")
    view = trainer.view(job)
    assert (view.state, view.published) == (JobState.RUNNING, (0,))
    assert len(trainer.catalogue.resolve("stripes", 1.0)) == 1


def test_a_stage_that_is_refused_on_another_machine_is_noted_and_no_more(
    make: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stages before it are fetched for the contact sheet, which shows them as it did."""
    monkeypatch.setattr(
        "trainer.training.run.refusal", lambda before, _after, _rules: "no better" if before else ""
    )
    trainer = make()
    job = trainer.submit(stages=((0.2, 2), (1.0, 40)))
    trainer.worker(steps=12).work(job, "t")
    assert trainer.view(job).published == (0,)
    shutil.rmtree(trainer.folder)
    view = trainer.finish(job)
    assert (view.state, view.published, view.error) == (JobState.SUCCEEDED, (0,), None)
    assert [refused.reason for refused in trainer.card().refused] == ["no better"]


def effects_of_a_training(make: MakeTrainer) -> int:
    """Return how many effects a whole training has on Redis, S3 and the broker."""
    trainer = make()
    job = trainer.submit()
    count = 0

    def next_effect() -> None:
        nonlocal count
        count += 1
        trainer.at.fuse.set(0, next_effect)

    trainer.at.fuse.set(0, next_effect)
    trainer.worker().work(job, "t")
    return count


@pytest.mark.timeout(900)
def test_a_trainer_killed_before_any_effect_changes_nothing(make: MakeTrainer) -> None:
    """Eight places spread over all effects: each kill, one recovery, the same nets."""
    whole = make()
    whole.finish(whole.submit())
    effects = effects_of_a_training(make)
    assert effects > 40
    for effect in range(1, effects, max(1, effects // 8)):
        trainer = make()
        job = trainer.submit()
        trainer.at.fuse.set(effect)
        with pytest.raises(Killed):
            trainer.worker().work(job, "t")
        trainer.recover()
        view = trainer.finish(job)
        assert (view.state, view.published) == (JobState.SUCCEEDED, (0, 1)), effect
        assert trainer.nets() == whole.nets(), effect


@pytest.mark.parametrize("writes", [1, 2, 4, 8])
def test_a_full_disk_is_waited_out(
    make: MakeTrainer, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """The painting, a stage's net and its pictures: nothing has to be there in the end."""
    whole, trainer = make(), make()
    whole.finish(whole.submit())
    job = trainer.submit()
    write, written = Path.write_bytes, iter(range(1, 1000))

    def until_full(path: Path, data: bytes) -> int:
        if next(written) >= writes:
            write(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", until_full)
        trainer.worker().work(job, "t")
        view = trainer.view(job)
        assert view.state is JobState.RUNNING
        assert writes == 1 or (view.training and "disk is full" in str(view.training.note))
    view = trainer.finish(job)
    assert view.state is JobState.SUCCEEDED
    assert view.training is not None
    assert view.training.note is None
    assert trainer.nets() == whole.nets()


def test_a_truncated_newest_checkpoint_costs_only_iterations(make: MakeTrainer) -> None:
    whole, trainer = make(), make()
    whole.finish(whole.submit())
    job = trainer.submit()
    trainer.worker(steps=6).work(job, "t")
    prefix = layout.checkpoints_prefix(TENANT, job)
    newest = [info.key for info in trainer.at.objects.list(prefix)][-1]
    trainer.at.objects.objects[newest] = trainer.at.objects.objects[newest][:1000]
    trainer.finish(job)
    assert trainer.nets() == whole.nets()


def test_a_trainer_that_lost_its_lease_writes_nothing_more(make: MakeTrainer) -> None:
    """Another has taken over while this one was away: its next write must not happen."""
    trainer = make()
    job = trainer.submit()
    taken: list[object] = []

    def take_over() -> None:
        trainer.at.clock.advance(LEASE + 1)
        trainer.at.jobs.sweep.run()
        taken.append(trainer.at.jobs.trainings.claim(job, "other"))

    opened = trainer.open_corpus

    def open_slowly(tenant: str, name: str) -> Photos:
        take_over()
        return opened(tenant, name)

    trainer.open_corpus = open_slowly  # type: ignore[method-assign]
    worker = trainer.worker()
    worker.work(job, "t")
    assert taken[0] is not None
    record = trainer.at.records.load(job)
    assert record is not None
    assert record.active[0].strikes == {}, "it lives, so the training did not take it down"
    assert not list(trainer.at.objects.list(layout.checkpoints_prefix(TENANT, job)))
    assert "stripes" not in trainer.catalogue.names()


def test_a_cancelled_training_stops(make: MakeTrainer) -> None:
    trainer = make()
    job = trainer.submit()
    trainer.worker(steps=3).work(job, "t")
    trainer.at.jobs.cancellation.cancel(job, TENANT)
    trainer.worker().work(job, "t")
    assert trainer.view(job).state is JobState.CANCELLED


@pytest.mark.parametrize(("written", "published"), [("previews/", ()), ("style.json", (0,))])
def test_a_cancel_during_publication_tells_what_can_be_used(
    make: MakeTrainer, monkeypatch: pytest.MonkeyPatch, written: str, published: tuple[int, ...]
) -> None:
    """The heart hears of it in the middle; the job ends only once nothing is written any more."""
    trainer = make()
    job = trainer.submit()
    put, asked = trainer.at.objects.put, list[JobState]()

    def watched(key: str, body: bytes, **options: str | None) -> None:
        put(key, body, **options)
        if key.startswith(f"styles/stripes/{written}") and not asked:
            asked.append(trainer.at.jobs.cancellation.cancel(job, TENANT).state)
            time.sleep(0.1)
            assert trainer.view(job).state is JobState.CANCELLING

    monkeypatch.setattr(trainer.at.objects, "put", watched)
    trainer.worker(heartbeat=0.01).work(job, "t")
    assert asked == [JobState.CANCELLING]
    view = trainer.view(job)
    assert (view.state, view.published) == (JobState.CANCELLED, published)
    assert trainer.catalogue.names() == ["stripes"] * len(published)


@pytest.mark.parametrize("steps", [30, 10**6])
def test_a_training_makes_way_for_albums_without_a_message(make: MakeTrainer, steps: int) -> None:
    """Also where a slice is no longer than what a training has at least."""
    trainer = make()
    job = trainer.submit(stages=((0.2, 100), (1.0, 100)))
    trainer.at.notifier.training_messages.clear()
    trainer.at.notifier.messages.append(("album", 0))
    trainer.worker(steps, heartbeat=0.001).work(job, "t")
    view = trainer.view(job)
    assert view.state is JobState.RUNNING
    assert view.training is not None
    assert view.training.iteration < 100
    assert trainer.at.notifier.training_messages == []


def test_a_process_that_is_to_end_gives_its_training_back(make: MakeTrainer) -> None:
    trainer = make()
    job = trainer.submit()
    worker = trainer.worker()
    trainer.stop.set()
    worker.work(job, "t")
    assert trainer.view(job).state is JobState.QUEUED


def test_a_training_that_diverges_keeps_what_is_published(make: MakeTrainer) -> None:
    """The guard acts, gives up, and says so on the card of the stages that stay."""
    trainer = make(rules=GuardRules(lost=-1, learned=math.inf, attempts=1))
    view = trainer.finish(trainer.submit(stages=((0.2, 2), (1e9, 2))))
    assert view.state is JobState.FAILED
    assert view.error is not None
    assert view.error.type == "training-diverged"
    assert (view.done, view.published) == (1, (0,))
    assert len(trainer.nets()) == 1
    card = trainer.card()
    assert [step.rate_scale for step in card.interventions] == [0.5]
    assert "ended in stage 1 (ratio 1e+09)" in card.notes[-1]


def test_what_an_ended_training_left_on_the_disk_goes(make: MakeTrainer) -> None:
    """A cancelled one, or one that another machine ended: nobody here hears of their end."""
    trainer = make()
    first, second = trainer.submit(), trainer.submit(style="dots")
    for job in (first, second):
        trainer.worker(steps=2).work(job, "t")
    old = time.time() - 2 * DAY_SECONDS
    os.utime(trainer.folder / first, (old, old))
    trainer.worker(steps=2).work(second, "t")
    assert [path.name for path in trainer.folder.iterdir()] == [second]
