"""A joint training: whose turn a crop is, what a step teaches, and that it resumes bit for bit."""

from collections import Counter
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from trainer.loss.distances import StyleTarget, style_target
from trainer.schedule.guard import TrainingDiverged
from trainer.training.checkpoint import pack_checkpoint, unpack_checkpoint
from trainer.training.context import TrainingContext
from trainer.training.joint import JointNets, Turn, draw_turns
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


def test_paintings_have_equal_turns_and_newer_stages_more_of_them() -> None:
    drawn = [
        turn
        for first in range(0, 8000, 4)
        for turn in draw_turns(["a", "b"], newest=2, first=first, batch=4, seed=1)
    ]
    stages = Counter(turn.stage for turn in drawn)
    assert stages[0] / len(drawn) == pytest.approx(1 / 7, abs=0.02)
    assert stages[1] / len(drawn) == pytest.approx(2 / 7, abs=0.02)
    assert stages[2] / len(drawn) == pytest.approx(4 / 7, abs=0.02)
    assert Counter(turn.painting for turn in drawn)["a"] / len(drawn) == pytest.approx(
        0.5, abs=0.02
    )


def test_turns_depend_on_seed_and_position_alone() -> None:
    def draw(first: int, seed: int = 1) -> list[Turn]:
        return draw_turns(["a", "b", "c"], newest=3, first=first, batch=8, seed=seed)

    assert draw(40) == draw(40)
    assert draw(40) != draw(48)
    assert draw(40) != draw(40, seed=2)


def test_a_step_teaches_shared_convolutions_and_the_norms_whose_turn_it_is(
    context: MakeContext,
) -> None:
    made = context("0.1:3,1:3")
    targets = targets_of(made)
    nets = JointNets(base(), list(targets), 2)
    before = copied(nets)
    trainer = JointTrainer(context=made, nets=nets, targets=targets, stage=1)
    turns = {str(turn) for turn, _ in trainer.step()}
    trainer.close()
    changed = {n for n, weight in nets.weights().items() if not torch.equal(weight, before[n])}
    learned = {name.split(".", 2)[0] + "." + name.split(".", 2)[1] for name in changed}
    assert {where for where in learned if not where.startswith("conv.")} == turns
    assert any(name.startswith("conv.") for name in changed)
    one, other = nets.net(Turn("stripes", 0)), nets.net(Turn("noise", 1))
    assert one.paint.weight is other.paint.weight


def test_a_stage_begins_with_the_norms_of_the_one_before() -> None:
    nets = JointNets(base(), ["a"], 2)
    with torch.no_grad():
        for name, weight in nets.norms().items():
            if name.startswith("a.0."):
                weight.add_(1)
    assert not same_norms(nets, "a")
    nets.begin(1)
    assert same_norms(nets, "a")


def same_norms(nets: JointNets, painting: str) -> bool:
    first, second = nets.affines(painting, "0" * 64)
    return torch.equal(first.values, second.values)


def test_the_weakest_net_has_the_mean_norms_of_all_first_stages() -> None:
    nets = JointNets(base(), ["a", "b"], 1)
    with torch.no_grad():
        for name, weight in nets.norms().items():
            weight.fill_(1.0 if name.startswith("a.") else 3.0)
    for name, weight in nets.weakest().named_parameters():
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
    assert resumed.history == whole.history
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
    assert run.history == {"stripes": [[]]}
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
