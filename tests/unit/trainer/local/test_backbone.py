"""A backbone learns several paintings at once; a quick style learns norms alone."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from trainer.local.backbone import (
    PaintingTarget,
    backbone_of,
    read_targets,
    train_backbone,
    train_neutral,
)
from trainer.local.reproduce import repeat_stage
from trainer.local.train import train
from trainer.training.context import TrainingContext
from trainer.training.quick import Backbone, QuickContext
from worker.net import NetConfig, TransformNet
from worker.net.affine import apply, is_norm_weight, unpack_affine
from worker.net.netfile import NetCard, NetFileRejected, pack

CONFIG = NetConfig(2, 1)
MakeContext = Callable[..., TrainingContext]


@pytest.fixture(scope="session")
def paintings(painting: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The striped painting, and a blotched one."""
    blotches = np.random.default_rng(3).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    path = tmp_path_factory.mktemp("paintings") / "blotches.png"
    Image.fromarray(blotches).resize((96, 96), Image.Resampling.NEAREST).save(path)
    return {"stripes": painting, "blotches": path}


def base() -> TransformNet:
    torch.manual_seed(0)
    return TransformNet(CONFIG)


def backbone() -> Backbone:
    return Backbone.read(pack(base(), NetCard(CONFIG, "base", 0, 0.02)))


def weights(net: TransformNet) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in net.named_parameters()}


def changed(before: dict[str, torch.Tensor], net: TransformNet) -> set[str]:
    return {n for n, weight in weights(net).items() if not torch.equal(weight, before[n])}


def test_a_backbone_is_a_net_file_with_an_affine_for_each_painting(
    context: MakeContext, paintings: dict[str, Path], tmp_path: Path
) -> None:
    shared = context()
    trained = train_backbone(shared, read_targets(shared, paintings), base(), neutral_iterations=2)
    trained.write(tmp_path, ratio=1)
    made = Backbone.read((tmp_path / "backbone.safetensors").read_bytes())
    for name in paintings:
        affine, card = unpack_affine((tmp_path / f"{name}.safetensors").read_bytes())
        assert card.style == name
        assert affine.backbone == made.sha256
        assert torch.equal(affine.values, trained.affines[name].values)  # nothing is lost in it
        assert not torch.equal(affine.values, made.neutral.values)


def test_a_backbone_of_a_style_keeps_its_convolutions_and_paints_it_by_its_affine(
    context: MakeContext,
) -> None:
    strong = base()
    trained = backbone_of(context("0.1:2"), strong, "stripes", iterations=2)
    made = Backbone.read(trained.file)
    for (name, of_style), (_, kept) in zip(
        base().named_parameters(), made.net.named_parameters(), strict=True
    ):
        assert is_norm_weight(name) != torch.equal(of_style.half(), kept.half()), name
    photo = torch.rand(1, 3, 48, 40)
    painted = apply(made.net, trained.affines["stripes"]).eval()(photo)
    torch.testing.assert_close(painted, base().eval()(photo), rtol=0, atol=0.01)


def test_a_backbone_repeats_bit_for_bit(context: MakeContext, paintings: dict[str, Path]) -> None:
    def run() -> bytes:
        shared = context("1:3")
        targets: dict[str, PaintingTarget] = read_targets(shared, paintings)
        return train_backbone(shared, targets, base(), neutral_iterations=2).file

    assert run() == run()


def test_the_neutral_norms_leave_the_convolutions_as_they_are(context: MakeContext) -> None:
    net = base()
    before = weights(net)
    train_neutral(context(), net, 2)
    norms = changed(before, net)
    assert norms
    assert all(is_norm_weight(name) for name in norms)


def quick(context: TrainingContext, over: Backbone) -> QuickContext:
    return QuickContext(context.config, context.loss_network, over)


def test_a_quick_style_changes_only_norms_and_learns(context: MakeContext, tmp_path: Path) -> None:
    over = backbone()
    kept = weights(over.net)
    card = train(quick(context("0.02:1,0.03:20", rate=3e-2), over), tmp_path)
    assert not changed(kept, over.net)
    assert card.stages[1].held_out.content < 0.9 * card.stages[0].held_out.content


def test_a_stage_of_a_quick_style_repeats_bit_for_bit(context: MakeContext, tmp_path: Path) -> None:
    made = quick(context("0.02:1,1:3"), backbone())
    train(made, tmp_path, base=made.stage_zero())
    assert repeat_stage(quick(context("0.02:1,1:3"), backbone()), tmp_path, 1).exact


def test_a_quick_styles_folder_holds_affines_over_its_backbone(
    context: MakeContext, tmp_path: Path
) -> None:
    over = backbone()
    made = quick(context("0.02:1,1:2"), over)
    card = train(made, tmp_path, base=made.stage_zero())
    files = [unpack_affine((tmp_path / stage.file).read_bytes()) for stage in card.stages]
    assert [(about.stage, about.ratio) for _, about in files] == [(0, 0.02), (1, 1.0)]
    assert all(affine.backbone == over.sha256 for affine, _ in files)
    assert torch.equal(files[0][0].values, over.neutral.values)
    assert not torch.equal(files[1][0].values, over.neutral.values)


@pytest.mark.parametrize("schedule", ["10:3", "0.4:2,1:2"])
def test_a_quick_style_that_begins_strong_trains_its_first_stage(
    context: MakeContext, tmp_path: Path, schedule: str
) -> None:
    """The backbone's own norms leave photos as they are: no stage of such a ratio."""
    over = backbone()
    made = quick(context(schedule), over)
    assert made.stage_zero() is None
    card = train(made, tmp_path, base=made.stage_zero())
    assert card.stages[0].iterations == made.config.schedule.stages[0].iterations
    affine, _ = unpack_affine((tmp_path / card.stages[0].file).read_bytes())
    assert not torch.equal(affine.values, over.neutral.values)


def test_a_quick_styles_nets_are_where_its_loss_network_is(context: MakeContext) -> None:
    """A device that is everywhere, and has no memory, stands for a graphics card."""
    here = quick(context(), backbone())
    network = copy.deepcopy(here.loss_network).to("meta")
    there = QuickContext(here.config, network, backbone())
    for net in (there.first_net(), there.unpack(here.pack(here.first_net(), 0))):
        assert {weight.device.type for weight in net.parameters()} == {"meta"}
        learning = {name for name, weight in net.named_parameters() if weight.requires_grad}
        assert learning == {name for name in weights(net) if is_norm_weight(name)}


def test_a_stage_over_another_backbone_is_refused(context: MakeContext) -> None:
    made = quick(context(), backbone())
    other = QuickContext(made.config, made.loss_network, Backbone(base(), "ab" * 32))
    with pytest.raises(NetFileRejected, match="made for backbone"):
        made.unpack(other.pack(other.first_net(), 0))


def test_an_config_of_another_shape_is_refused(context: MakeContext) -> None:
    made = context()
    with pytest.raises(ValueError, match="shape"):
        QuickContext(
            made.config, made.loss_network, Backbone(TransformNet(NetConfig(3, 1)), "ab" * 32)
        )
