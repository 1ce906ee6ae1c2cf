"""A training that an earlier version left half done is trained to its end by this one."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from infra.jobs.domain.model import JobRecord, JobState
from tests.fakes.trainer import MakeTrainer, Trainer
from tests.photos import scene
from tests.stored import VERSIONS, Stored
from trainer.data.corpus import Photos


class Scenes:
    """The corpus that every stored training began with."""

    def __len__(self) -> int:
        return 8

    def photo(self, index: int) -> NDArray[np.uint8]:
        return np.asarray(scene(64 + 2 * index, 64))

    def sha256(self) -> str:
        return "c" * 64


@pytest.fixture(params=VERSIONS)
def stored(request: pytest.FixtureRequest) -> Stored:
    return Stored(request.param, "training")


def upgraded(make: MakeTrainer, stored: Stored, *, flushed: bool = False) -> Trainer:
    """Return this version's trainer over what an earlier one left; all leases have ended."""
    trainer: Trainer = make()

    def open_corpus(_tenant: str, _name: str) -> Photos:
        return Scenes()

    trainer.open_corpus = open_corpus
    trainer.at.clock.now = stored.now
    trainer.at.objects.objects |= stored.objects
    for document in {} if flushed else stored.records.values():
        trainer.at.records.create(JobRecord.model_validate_json(document))
    if not flushed:
        trainer.at.records.remember()
    trainer.recover()
    return trainer


def test_it_goes_on_behind_its_newest_checkpoint(make: MakeTrainer, stored: Stored) -> None:
    """Stage 0 is what it was; of the four iterations of stage 1, the first is not trained again."""
    trainer, job = upgraded(make, stored), stored.job("half_trained")
    before = trainer.view(job)
    assert (before.state, before.published) == (JobState.RUNNING, (0,))
    view = trainer.finish(job)
    assert (view.state, view.published, view.error) == (JobState.SUCCEEDED, (0, 1), None)
    old = json.loads(stored.objects["styles/stripes/card.json"])
    card = trainer.card()
    assert card.stages[0].sha256 == old["stages"][0]["sha256"] == trainer.nets()[0]
    assert card.stages[0].held_out.style == old["stages"][0]["held_out"]["style"]
    assert card.stages[1].iterations == 4
    # Its first stage was strength 0 already, and stays that.
    assert trainer.catalogue.get("stripes").path_from == card.path_from == "first-stage"
    history = [
        json.loads(line) for line in trainer.catalogue.file("stripes", "history.jsonl").splitlines()
    ]
    assert [line["stage"] for line in history] == [0] * 3 + [1] * 4
    begun = stored.objects["styles/stripes/history.jsonl"].splitlines()
    assert history[:3] == [json.loads(line) for line in begun]


def test_it_goes_on_after_a_flush(make: MakeTrainer, stored: Stored) -> None:
    trainer, job = upgraded(make, stored, flushed=True), stored.job("half_trained")
    view = trainer.view(job)
    assert view.published == (0,)
    assert view.training is not None
    assert (view.training.stage, view.training.iteration) == (1, 5)
    assert trainer.finish(job).published == (0, 1)


def test_no_checkpoint_of_it_is_passed_over(make: MakeTrainer, stored: Stored) -> None:
    """Passing one over would cost iterations and say nothing: what was ordered has one digest."""
    trainer, job = upgraded(make, stored), stored.job("half_trained")
    claim = trainer.at.jobs.trainings.claim(job, "t")
    assert claim is not None
    run = trainer.opener().open(claim).run
    newest = max(key for key in stored.objects if "/checkpoints/" in key)
    assert run.tick == int(newest.rpartition("/")[2].partition("-")[0]) == 5
    assert (run.stage, run.iteration) == (1, 1)


def test_one_that_waited_is_known_by_all_that_was_asked_for(
    make: MakeTrainer, stored: Stored
) -> None:
    trainer = upgraded(make, stored)
    claim = trainer.at.jobs.trainings.claim(stored.job("queued"), "t")
    assert claim is not None
    config = claim.config
    assert (config.style, config.profile, config.base) == ("quickly", "quick", "auto")
    assert (config.previews, config.adaptive, config.seed) == (("u/a.jpg",), True, 7)
