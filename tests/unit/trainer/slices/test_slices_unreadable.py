"""Trainings that need an unreadable object: some retry rounds, then an end that names it."""

import time

import pytest

from infra.jobs.domain.deferral import RETRY_ROUNDS
from infra.jobs.domain.model import JobRecord, JobState
from infra.jobs.views import JobView
from tests.fakes.trainer import LEASE, MakeTrainer, Trainer
from trainer.data.corpus import Photos, split_held_out
from trainer.training.context import HELD_OUT
from worker.process.lease_keeper import OUTAGE_PATIENCE

KEY = "t/corpora/c/shards/0.tar"


class BucketCorpus:
    """Photos of which one is had only while an object of the bucket can be read."""

    def __init__(self, trainer: Trainer, photos: Photos, kept: int) -> None:
        self._objects = trainer.at.objects
        self._photos = photos
        self._kept = kept

    def __len__(self) -> int:
        return len(self._photos)

    def sha256(self) -> str:
        return self._photos.sha256()

    def photo(self, index: int) -> object:
        if index == self._kept:
            self._objects.get(KEY)
        return self._photos.photo(index)


@pytest.fixture
def trainer(make: MakeTrainer) -> Trainer:
    """A trainer to which an outage of two tries is a long one."""
    made = make()
    made.tick = OUTAGE_PATIENCE + 1
    made.at.objects.put(KEY, b"photos")
    return made


def keep_in_bucket(trainer: Trainer, *, held_out: bool = True) -> None:
    """Let every slice read a photo from the bucket: as it opens, or among those to train on."""
    photos = trainer.open_corpus("t", "c")
    training, measured = split_held_out(len(photos), HELD_OUT)
    corpus = BucketCorpus(trainer, photos, (measured if held_out else training)[-1])
    trainer.open_corpus = lambda *_: corpus  # type: ignore[method-assign, assignment]


def given_back(trainer: Trainer, job: str) -> JobRecord:
    """Return the record of a training that can be had by the next, after the turns of others."""
    record = trainer.at.records.load(job)
    assert record is not None
    assert (record.state, record.active[0].lease) == (JobState.RUNNING, None)
    assert trainer.at.notifier.training_messages == []
    return record


def worked_in_rounds(trainer: Trainer, job: str) -> JobView:
    """Work as many slices as it takes; between them others have their turns."""
    trainer.at.notifier.training_messages.clear()
    for rounds in range(1, RETRY_ROUNDS):
        trainer.worker().work(job, "t")
        assert given_back(trainer, job).active[0].retry_rounds == {0: rounds}
    trainer.worker().work(job, "t")
    return trainer.view(job)


@pytest.mark.parametrize("kept", ["withheld", "refused"])
def test_a_photo_that_is_unreadable_when_a_training_opens_ends_it(
    trainer: Trainer, kept: str
) -> None:
    keep_in_bucket(trainer)
    getattr(trainer.at.objects, kept).add(KEY)
    view = worked_in_rounds(trainer, trainer.submit())
    assert view.state is JobState.FAILED
    assert view.error is not None
    assert view.error.type == "object-refused-by-storage"
    assert f"not {KEY!r}" in view.error.detail
    assert "send the training again" in view.error.detail


def test_a_photo_that_is_unreadable_later_ends_the_training(trainer: Trainer) -> None:
    """Repeating the way up to there is no progress; the note names the missing object."""
    keep_in_bucket(trainer, held_out=False)
    trainer.at.objects.withheld.add(KEY)
    job = trainer.submit(stages=((0.2, 30),))
    trainer.worker().work(job, "t")
    progress = trainer.view(job).training
    assert progress is not None
    assert f"does not serve {KEY!r}" in str(progress.note)
    assert progress.iteration > 0
    for _ in range(RETRY_ROUNDS):
        trainer.worker().work(job, "t")
    view = trainer.view(job)
    assert view.error is not None
    assert view.error.type == "object-refused-by-storage"


def test_an_object_that_takes_longer_than_a_lease_to_refuse_is_counted(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training is held until it is known whether others are had: else no round would count."""
    keep_in_bucket(trainer)
    trainer.at.objects.withheld.add(KEY)
    job = trainer.submit()
    trainer.at.notifier.training_messages.clear()
    get_range = trainer.at.objects.get_range

    def slow(key: str, start: int, stop: int) -> bytes:
        for _ in range(3):
            trainer.at.clock.advance(LEASE / 2)
            time.sleep(0.1)
            trainer.at.jobs.sweep.run()
        return get_range(key, start, stop)

    monkeypatch.setattr(trainer.at.objects, "get_range", slow)
    trainer.worker(heartbeat=0.01).work(job, "t")
    assert given_back(trainer, job).active[0].retry_rounds == {0: 1}


def test_a_photo_that_can_be_read_on_the_last_attempt_is_forgiven(trainer: Trainer) -> None:
    keep_in_bucket(trainer)
    job = trainer.submit()
    trainer.at.notifier.training_messages.clear()
    trainer.at.objects.withheld.add(KEY)
    for _ in range(RETRY_ROUNDS - 1):
        trainer.worker().work(job, "t")
    trainer.at.objects.withheld.clear()
    assert trainer.finish(job).state is JobState.SUCCEEDED


def test_an_outage_of_the_whole_bucket_fails_nothing(trainer: Trainer) -> None:
    photos = trainer.open_corpus("t", "c")
    job = trainer.submit()
    trainer.at.notifier.training_messages.clear()

    def lose_the_bucket(_tenant: str, _name: str) -> Photos:
        trainer.at.objects.down = True
        trainer.at.objects.get(KEY)
        return photos

    trainer.open_corpus = lose_the_bucket  # type: ignore[method-assign]
    for _ in range(RETRY_ROUNDS + 1):
        trainer.at.objects.down = False
        trainer.worker().work(job, "t")
        assert given_back(trainer, job).active[0].retry_rounds == {}
    trainer.at.objects.down = False
    trainer.open_corpus = lambda *_: photos  # type: ignore[method-assign]
    assert trainer.finish(job).state is JobState.SUCCEEDED


def test_an_outage_that_has_just_ended_is_nobodys_fault(trainer: Trainer) -> None:
    """The object may be had by the time that others are."""
    job = trainer.submit()
    trainer.at.notifier.training_messages.clear()
    tries = 0

    def flicker(_tenant: str, _name: str) -> Photos:
        nonlocal tries
        tries += 1
        trainer.at.objects.withheld.add(KEY)
        try:
            trainer.at.objects.get(KEY)
        finally:
            trainer.at.objects.withheld.clear()
        raise AssertionError

    trainer.open_corpus = flicker  # type: ignore[method-assign]
    trainer.worker().work(job, "t")
    assert tries == 2
    assert given_back(trainer, job).active[0].retry_rounds == {}


def test_a_process_that_is_to_end_does_not_wait_for_an_object(trainer: Trainer) -> None:
    trainer.tick = 1.0
    job = trainer.submit()
    trainer.at.notifier.training_messages.clear()
    trainer.at.objects.withheld.add(KEY)

    def stopped(_tenant: str, _name: str) -> Photos:
        trainer.stop.set()
        trainer.at.objects.get(KEY)
        raise AssertionError

    trainer.open_corpus = stopped  # type: ignore[method-assign]
    trainer.worker().work(job, "t")
    given_back(trainer, job)
