"""A joint training: whose turn a crop is, what a step teaches, and that it resumes bit for bit."""

from collections import Counter
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from trainer.loss import spikes
from trainer.loss.distances import StyleTarget, style_target
from trainer.loss.objective import JOINT_USUAL
from trainer.schedule.guard import TrainingDiverged
from trainer.training.checkpoint import pack_checkpoint, unpack_checkpoint
from trainer.training.context import TrainingContext
from trainer.training.joint import JointNets, draw_paintings
from trainer.training.joint_loop import JointTrainer
from trainer.training.joint_run import JointRun
from worker.net import NetConfig, TransformNet
from worker.net.affine import is_norm_weight

pytestmark = pytest.mark.usefixtures("_one_thread")
MakeContext = Callable[..., TrainingContext]


def base() -> TransformNet:
    torch.manual_seed(0)
    return TransformNet(NetConfig(2, 1))


def targets_of(context: TrainingContext) -> dict[str, StyleTarget]:
    random = torch.Generator().manual_seed(4)
    picture = torch.rand(1, 3, 64, 64, generator=random)
    return {"stripes": context.target, "noise": style_target(context.loss_network, picture)}


def copied(nets: JointNets) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in nets.weights().items()}


def test_paintings_have_equal_turns() -> None:
    drawn = Counter(
        painting
        for first in range(0, 8000, 4)
        for painting in draw_paintings(["a", "b"], first=first, batch=4, seed=1)
    )
    assert drawn["a"] / drawn.total() == pytest.approx(0.5, abs=0.02)


def test_turns_depend_on_seed_and_position_alone() -> None:
    def draw(first: int, seed: int = 1) -> list[str]:
        return draw_paintings(["a", "b", "c"], first=first, batch=8, seed=seed)

    assert draw(40) == draw(40)
    assert draw(40) != draw(48)
    assert draw(40) != draw(40, seed=2)


def test_features_are_held_back_from_a_lower_kurtosis_than_in_single_trainings(
    context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, bounds = spikes.spiky, set[float]()

    def look(features: Tensor, usual: float) -> Tensor:
        bounds.add(usual)
        return real(features, usual)

    monkeypatch.setattr(spikes, "spiky", look)
    made = context("0.1:3")
    targets = targets_of(made)
    nets = JointNets(base(), list(targets))
    trainer = JointTrainer(context=made, nets=nets, targets=targets, stage=0)
    trainer.step()
    trainer.close()
    assert bounds == {JOINT_USUAL}
    assert min(bounds) < spikes.USUAL


def test_a_step_teaches_shared_convolutions_and_the_norms_whose_turn_it_is(
    context: MakeContext,
) -> None:
    made = context("0.1:3")
    targets = targets_of(made) | {"third": made.target}
    nets = JointNets(base(), list(targets))
    before = copied(nets)
    trainer = JointTrainer(context=made, nets=nets, targets=targets, stage=0)
    trainer.step()
    trainer.close()
    turns = set(draw_paintings(list(targets), first=0, batch=2, seed=1))
    changed = {n for n, weight in nets.weights().items() if not torch.equal(weight, before[n])}
    assert {name.split(".", 1)[0] for name in changed} == {*turns, "conv"}
    assert turns < targets.keys()
    assert nets.net("stripes").paint.weight is nets.net("noise").paint.weight


def test_the_mean_net_has_the_mean_norms_of_all_paintings() -> None:
    nets = JointNets(base(), ["a", "b"])
    with torch.no_grad():
        for name, weight in nets.norms().items():
            weight.fill_(1.0 if name.startswith("a.") else 3.0)
    for name, weight in nets.mean().named_parameters():
        if is_norm_weight(name):
            assert torch.equal(weight, torch.full_like(weight, 2.0)), name


def run_of(context: TrainingContext) -> JointRun:
    return JointRun(context, targets_of(context), base())


@pytest.mark.parametrize("after", [1, 3, 4, 6])
def test_a_run_resumes_bit_for_bit(context: MakeContext, after: int) -> None:
    """In the middle of a stage, at its end, behind it, and at the end of all."""
    made = context("0.1:3,1:3")
    whole = run_of(made)
    for _ in range(after):
        whole.step()
    kept = pack_checkpoint(whole.state())
    while not whole.done:
        whole.step()
    resumed = run_of(made)
    resumed.restore(unpack_checkpoint(kept, resumed.config_digest))
    while not resumed.done:
        resumed.step()
    expected = copied(whole.nets)
    for name, weight in resumed.nets.weights().items():
        assert torch.equal(weight, expected[name]), name
    whole.close()
    resumed.close()


def test_a_checkpoint_of_other_paintings_is_another_trainings(context: MakeContext) -> None:
    made = context("0.1:3")
    two = run_of(made)
    one = JointRun(made, {"stripes": made.target}, base())
    assert one.config_digest != two.config_digest


def test_the_guard_ends_a_training_that_gives_no_numbers(context: MakeContext) -> None:
    made = context("0.1:3")
    broken = StyleTarget({n: gram * float("nan") for n, gram in made.target.grams.items()})
    run = JointRun(made, {"stripes": broken}, base())
    start = copied(run.nets)
    run.step()
    # Back at the start, and not on with weights that are no numbers.
    assert run.iteration == 0
    for name, weight in run.nets.weights().items():
        assert torch.equal(weight, start[name]), name
    kept = pack_checkpoint(run.state())
    run.step()
    run.step()
    with pytest.raises(TrainingDiverged, match="joint training was ended in stage 0"):
        run.step()
    run.close()
    told = [(step.stage, step.iteration, step.rate_scale) for step in run.interventions]
    assert told == [(0, 1, 0.5), (0, 1, 0.25), (0, 1, 0.125)]
    again = JointRun(made, {"stripes": broken}, base())
    again.restore(unpack_checkpoint(kept, again.config_digest))
    again.close()
    assert again.interventions == run.interventions[:1]
