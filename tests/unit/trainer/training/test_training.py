"""Training a style: stages in order, resumable, repeatable bit for bit."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from infra.catalogue.card import StyleCard
from infra.jobs.domain.schedule import Schedule
from trainer.card import weights_sha256
from trainer.data.corpus import CorpusRejected
from trainer.local.reproduce import repeat_stage
from trainer.local.train import (
    FolderTaken,
    Progress,
    TrainingContext,
    starting_net,
    train,
)
from trainer.loss.objective import StepLoss
from trainer.publish.folder import StyleFolder
from trainer.schedule.guard import GuardRules, TrainingDiverged
from worker.net.netfile import read_card, unpack

pytestmark = pytest.mark.usefixtures("_one_thread")


def test_every_stage_is_a_net_file_on_the_card(
    context: Callable[..., TrainingContext], tmp_path: Path
) -> None:
    card = train(context(), tmp_path)
    assert StyleCard.read(tmp_path) == card
    assert [stage.ratio for stage in card.stages] == [0.02, 1.0]
    for stage in card.stages:
        described = read_card((tmp_path / stage.file).read_bytes())
        assert (described.style, described.stage, described.ratio) == (
            "stripes",
            stage.stage,
            stage.ratio,
        )
    with Image.open(tmp_path / "contact-sheet.jpg") as sheet:
        assert sheet.width > sheet.height


def test_a_low_ratio_learns_to_keep_the_photo(
    context: Callable[..., TrainingContext], tmp_path: Path
) -> None:
    """Forty steps of content alone bring results on held-out photos closer to the photos."""
    card = train(context("0.02:1,0.03:40"), tmp_path)
    untrained, trained = (stage.held_out for stage in card.stages)
    assert trained.content < 0.7 * untrained.content
    assert trained.ssim > untrained.ssim


def test_a_stopped_training_goes_on_to_the_same_nets(
    context: Callable[..., TrainingContext], tmp_path: Path
) -> None:
    """Stopping anywhere costs the unfinished stage and changes nothing else."""

    class Stopped(Exception):
        pass

    def stop_in_the_second_stage(now: Progress) -> None:
        if now.stage == 1 and now.iteration == 5:
            raise Stopped

    whole = train(context(), tmp_path / "whole")
    with pytest.raises(Stopped):
        train(context(), tmp_path / "stopped", stop_in_the_second_stage)
    resumed = train(context(), tmp_path / "stopped")
    assert [s.sha256 for s in resumed.stages] == [s.sha256 for s in whole.stages]


def test_another_config_does_not_touch_what_a_folder_holds(
    context: Callable[..., TrainingContext], tmp_path: Path
) -> None:
    """Hours of training may lie there."""
    train(context("0.02:2"), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(FolderTaken, match="name another folder"):
        train(context("0.02:2", seed=2), tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_from_another_machine_is_continued(
    context: Callable[..., TrainingContext], tmp_path: Path
) -> None:
    """Other words on the card, or measures that round otherwise, make it no other training."""
    card = train(context("0.02:2,1:2"), tmp_path)
    moved = card.model_copy(
        update={
            "command": "python -m trainer train --threads 7",
            "painting": card.painting.model_copy(update={"title": "Another title"}),
            "photos_before_training": card.photos_before_training.model_copy(
                update={"style": card.photos_before_training.style * (1 + 1e-7)}
            ),
            "stages": card.stages[:1],
        }
    )
    moved.write(tmp_path)
    steps: list[Progress] = []
    train(context("0.02:2,1:2"), tmp_path, steps.append)
    assert {step.stage for step in steps} == {1}


def test_losses_that_are_no_numbers_leave_the_history_readable(
    context: Callable[..., TrainingContext], tmp_path: Path
) -> None:
    losses = [StepLoss(1.0, 2.0), StepLoss(math.nan, 1.0), StepLoss(1.0, math.inf)]
    card = train(context("0.02:2"), tmp_path)
    StyleFolder(tmp_path, context()).write_history([losses], card)
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["iteration"] for line in lines] == [0]


def test_a_corpus_of_one_photo_is_noted(
    context: Callable[..., TrainingContext], photos: Path, tmp_path: Path
) -> None:
    one = tmp_path / "one"
    one.mkdir()
    first = min(photos.rglob("*.*"))
    (one / first.name).write_bytes(first.read_bytes())
    config = replace(context().config, photos=one, schedule=Schedule.parse("0.02:2"))
    card = train(TrainingContext(config, context().loss_network), tmp_path / "style")
    assert "cannot be told" in card.notes[0]


def test_stages_start_from_the_published_file(
    context: Callable[..., TrainingContext], tmp_path: Path
) -> None:
    """Later stages build on the published weights, rounding included."""
    train(context(), tmp_path)
    (tmp_path / "card.json").unlink()
    first = unpack((tmp_path / "stage-0.safetensors").read_bytes())[0]
    assert weights_sha256(starting_net(context(), tmp_path, 1)) == weights_sha256(first)


def test_a_crop_larger_than_the_photos_is_refused(context: Callable[..., TrainingContext]) -> None:
    with pytest.raises(CorpusRejected, match="at most 288"):
        context(crop=400)


def test_the_history_and_charts_lie_beside_the_stages(
    context: Callable[..., TrainingContext], tmp_path: Path
) -> None:
    """One line an iteration, also of stages that an earlier run has trained."""
    train(context("0.02:2,1:3"), tmp_path)
    (tmp_path / "card.json").write_text(
        StyleCard.read(tmp_path)
        .model_copy(update={"stages": StyleCard.read(tmp_path).stages[:1]})
        .model_dump_json()
    )
    train(context("0.02:2,1:3"), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [(row["stage"], row["iteration"]) for row in rows] == [
        *((0, n) for n in range(2)),
        *((1, n) for n in range(3)),
    ]
    card = StyleCard.read(tmp_path)
    assert [rows[0]["content"], rows[0]["style"]] == list(card.stages[0].first.losses[0])
    assert (tmp_path / "losses.svg").exists()
    with Image.open(tmp_path / "losses.png") as chart:
        assert chart.format == "PNG"


def test_a_corpus_of_three_photos_trains_and_the_card_says_so(
    context: Callable[..., TrainingContext], photos: Path, tmp_path: Path
) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for path in sorted(photos.rglob("*.*"))[:3]:
        (few / path.name).write_bytes(path.read_bytes())
    config = replace(context().config, photos=few, schedule=Schedule.parse("0.02:2"))
    card = train(TrainingContext(config, context().loss_network), tmp_path / "style")
    assert len(card.stages) == 1
    assert "only 3 photos" in card.notes[0]


def test_a_base_is_published_as_it_is_and_not_trained(
    context: Callable[..., TrainingContext], tmp_path: Path
) -> None:
    train(context("0.02:3,1:3"), tmp_path / "first")
    base = (tmp_path / "first" / "stage-0.safetensors").read_bytes()
    card = train(context("0.02:3,1:3"), tmp_path / "second", base=base)
    assert (tmp_path / "second" / "stage-0.safetensors").read_bytes() == base
    assert card.base_sha256 == card.stages[0].sha256
    assert repeat_stage(context("0.02:3,1:3"), tmp_path / "second", 1).exact


def test_a_training_that_is_given_up_leaves_its_card_and_what_was_published(
    context: Callable[..., TrainingContext], tmp_path: Path
) -> None:
    """A ratio that no net can follow: the guard's steps and the end are on the card."""
    rules = GuardRules(lost=-1, learned=math.inf, dead=1, halo=1, attempts=1)
    with pytest.raises(TrainingDiverged, match=r"1e\+09"):
        train(context("0.02:2,1000000000:2"), tmp_path, rules=rules)
    card = StyleCard.read(tmp_path)
    assert [stage.stage for stage in card.stages] == [0]
    assert not (tmp_path / "stage-1.safetensors").exists()
    assert [step.rate_scale for step in card.interventions] == [0.5]
    assert "ended in stage 1" in card.notes[-1]
