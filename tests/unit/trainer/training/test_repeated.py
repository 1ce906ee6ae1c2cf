"""What a repetition must show, on this processor and on another."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infra.catalogue.card import FirstIterations, StyleCard
from trainer.local.reproduce import NotReproduced, record_elsewhere, repeat_stage
from trainer.local.train import (
    TrainingContext,
    train,
)

pytestmark = pytest.mark.usefixtures("_one_thread")


@pytest.mark.parametrize("stage", [0, 1])
def test_a_stage_repeats_bit_for_bit(
    context: Callable[..., TrainingContext], tmp_path: Path, stage: int
) -> None:
    card = train(context(), tmp_path)
    repeated = repeat_stage(context(), tmp_path, stage)
    assert repeated.exact
    assert repeated.iterations == len(card.stages[stage].first.losses) == (3, 20)[stage]


def test_what_another_processor_gives_stands_beside_what_was_made(
    context: Callable[..., TrainingContext], tmp_path: Path
) -> None:
    """A card made elsewhere learns what comes out here, once, and is then held to it."""
    made_elsewhere(train(context(), tmp_path)).write(tmp_path)
    assert not repeat_stage(context(), tmp_path, 1).same_arithmetic
    for _ in range(2):
        recorded = record_elsewhere(context(), tmp_path)
        assert [len(stage.first_elsewhere) for stage in recorded.stages] == [1, 1]
    repeated = repeat_stage(context(), tmp_path, 1)
    assert repeated.exact
    assert repeated.same_arithmetic
    assert not repeat_stage(context(seed=9), tmp_path, 1).exact


def test_a_card_does_not_learn_another_training(
    context: Callable[..., TrainingContext], tmp_path: Path
) -> None:
    """Another seed stands for other photos or weights: more than rounding lies between."""
    made_elsewhere(train(context(), tmp_path)).write(tmp_path)
    before = (tmp_path / "card.json").read_bytes()
    with pytest.raises(NotReproduced, match="nothing was added"):
        record_elsewhere(context(seed=9), tmp_path)
    assert (tmp_path / "card.json").read_bytes() == before


def made_elsewhere(card: StyleCard) -> StyleCard:
    """The card as a processor would have written it whose sums come out a little different."""
    stages = [
        stage.model_copy(
            update={
                "first": FirstIterations(
                    losses=[(c * 1.00001, s * 0.99999) for c, s in stage.first.losses],
                    weights_sha256="0" * 64,
                    machine="another processor",
                )
            }
        )
        for stage in card.stages
    ]
    return card.model_copy(update={"stages": stages})


def test_on_another_processor_all_but_rounding_must_repeat(
    context: Callable[..., TrainingContext], tmp_path: Path
) -> None:
    made_elsewhere(train(context(), tmp_path)).write(tmp_path)
    repeated = repeat_stage(context(), tmp_path, 1)
    assert not repeated.exact
    assert repeated.repeats
    assert 1e-6 < repeated.early_difference < 1e-4
    assert not repeat_stage(context(seed=9), tmp_path, 1).repeats


def test_a_repetition_from_another_seed_is_seen(
    context: Callable[..., TrainingContext], tmp_path: Path
) -> None:
    train(context(), tmp_path)
    repeated = repeat_stage(context(seed=9), tmp_path, 0)
    assert not repeated.exact
    assert repeated.equal_losses == 0
