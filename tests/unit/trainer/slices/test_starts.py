"""The start of a training: a shared base or backbone, decided once."""

import hashlib

import pytest
import torch

from infra import layout
from infra.jobs.domain.model import JobState
from tests.fakes.service import TENANT
from tests.fakes.trainer import MakeTrainer
from trainer.slices.start import Start
from trainer.training.context import GRAIN
from trainer.training.quick import PEAK_RATE
from worker.net import NetConfig, TransformNet
from worker.net.affine import unpack_affine
from worker.net.netfile import NetCard, pack


def test_a_base_of_the_deployment_is_stage_0_as_it_is(make: MakeTrainer) -> None:
    trainer = make()
    torch.manual_seed(3)
    base = pack(TransformNet(NetConfig(2)), NetCard(NetConfig(2), "base", 0, 0.02))
    shape = {"width": 2, "residual_blocks": 5, "upsample": "resize"}
    trainer.catalogue.put_base(layout.base(shape, "squeezenet1_1"), base)
    view = trainer.finish(trainer.submit(stages=((0.1, 50), (1.0, 3)), base="auto"), steps=2)
    assert view.state is JobState.SUCCEEDED
    assert trainer.nets()[0] == hashlib.sha256(base).hexdigest()
    assert trainer.card().base_sha256 == trainer.nets()[0]
    assert trainer.card().stages[0].iterations == 0


def test_a_base_of_another_loss_network_serves_where_there_is_none_of_its_own(
    make: MakeTrainer,
) -> None:
    """Else the first style over each network would train a near-identity of its own first."""
    trainer = make()
    shape = {"width": 2, "residual_blocks": 5, "upsample": "resize"}
    other, own = (
        pack(TransformNet(NetConfig(2)), NetCard(NetConfig(2), "base", 0, 0.02)) for _ in range(2)
    )
    trainer.catalogue.put_base(layout.base(shape, "squeezenet1_0"), other)
    config: dict[str, object] = {"stages": ((0.1, 50), (1.0, 3)), "base": "auto"}
    trainer.finish(trainer.submit(**config))
    assert trainer.nets()[0] == hashlib.sha256(other).hexdigest()
    trainer.catalogue.put_base(layout.base(shape, "squeezenet1_1"), own)
    trainer.finish(trainer.submit(style="dots", **config))
    assert trainer.card("dots").base_sha256 == hashlib.sha256(own).hexdigest()


@pytest.mark.parametrize("grain", [0.0, 2.5])
def test_a_training_takes_the_grain_of_its_base(make: MakeTrainer, grain: float) -> None:
    """Those that older releases kept have none; nets that start from nothing have the usual."""
    trainer = make()
    torch.manual_seed(3)
    card = NetCard(NetConfig(2, grain=grain), "base", 0, 0.02)
    shape = {"width": 2, "residual_blocks": 5, "upsample": "resize"}
    trainer.catalogue.put_base(
        layout.base(shape, "squeezenet1_1"), pack(TransformNet(card.config), card)
    )
    trainer.finish(trainer.submit(stages=((0.1, 50), (1.0, 2)), base="auto"))
    assert trainer.card().net.grain == grain
    trainer.finish(trainer.submit(style="dots", stages=((0.1, 2),), base="none"))
    assert trainer.card("dots").net.grain == GRAIN


def test_a_training_begun_before_there_was_a_grain_goes_on_without(make: MakeTrainer) -> None:
    trainer = make()
    job = trainer.submit(stages=((0.1, 2), (1.0, 2)))
    key = layout.start(TENANT, job, 0)
    trainer.at.objects.put(key, b'{"base": null, "backbone": null}')
    trainer.finish(job)
    assert "grain" not in trainer.card().net.model_dump()
    assert Start(None, None).written() == {"base": None, "backbone": None}


def test_a_base_that_comes_later_does_not_change_a_running_training(make: MakeTrainer) -> None:
    trainer, whole = make(), make()
    config: dict[str, object] = {"stages": ((0.1, 3), (1.0, 3)), "base": "auto"}
    whole.finish(whole.submit(**config))
    job = trainer.submit(**config)
    trainer.worker(steps=2).work(job, "t")
    base = pack(TransformNet(NetConfig(2)), NetCard(NetConfig(2), "base", 0, 0.02))
    shape = {"width": 2, "residual_blocks": 5, "upsample": "resize"}
    trainer.catalogue.put_base(layout.base(shape, "squeezenet1_1"), base)
    trainer.finish(job)
    assert trainer.nets() == whole.nets()


def test_a_base_that_is_replaced_does_not_change_a_running_training(make: MakeTrainer) -> None:
    """As by a training that found none when it looked, and writes its own late."""
    trainer, whole = make(), make()
    shape = {"width": 2, "residual_blocks": 5, "upsample": "resize"}
    key = layout.base(shape, "squeezenet1_1")
    bases = [
        pack(TransformNet(NetConfig(2)), NetCard(NetConfig(2), "base", 0, 0.02)) for _ in range(2)
    ]
    config: dict[str, object] = {"stages": ((0.1, 50), (1.0, 6)), "base": "auto"}
    for each in (trainer, whole):
        each.at.objects.put(key, bases[0])
    whole.finish(whole.submit(**config))
    job = trainer.submit(**config)
    trainer.worker(steps=6).work(job, "t")
    trainer.at.objects.put(key, bases[1])
    trainer.finish(job)
    assert trainer.nets() == whole.nets()


def test_who_lost_the_training_does_not_decide_what_it_starts_from(make: MakeTrainer) -> None:
    """A trainer saw no base, and is stopped until after its successor has begun over one."""
    trainer = make()
    shape = {"width": 2, "residual_blocks": 5, "upsample": "resize"}
    base = pack(TransformNet(NetConfig(2)), NetCard(NetConfig(2), "base", 0, 0.02))
    job = trainer.submit(stages=((0.1, 50), (1.0, 6)), base="auto")
    lost = trainer.at.jobs.trainings.claim(job, "lost")
    assert lost
    trainer.recover()
    trainer.catalogue.put_base(layout.base(shape, "squeezenet1_1"), base)
    trainer.worker(steps=6).work(job, "t")
    late = layout.start(TENANT, job, lost.token)
    trainer.at.objects.put(late, b'{"base": null, "backbone": null}')
    trainer.finish(job)
    assert trainer.nets()[0] == hashlib.sha256(base).hexdigest()


@pytest.mark.parametrize("steps", [2, 10**6])
def test_a_quick_style_trains_in_slices_over_the_published_backbone(
    make: MakeTrainer, steps: int
) -> None:
    """Stage 0 is the backbone's own norms; every file is some kilobytes and names the backbone."""
    trainer = make()
    torch.manual_seed(3)
    backbone = pack(TransformNet(NetConfig(4)), NetCard(NetConfig(4), "backbone", 0, 0.02))
    sha256 = trainer.catalogue.put_backbone(backbone)
    config: dict[str, object] = {"profile": "quick", "stages": ((0.1, 50), (1.0, 4))}
    view = trainer.finish(trainer.submit(**config), steps)
    assert view.state is JobState.SUCCEEDED
    assert trainer.card().stages[0].iterations == 0
    for stage in trainer.catalogue.get("stripes").stages:
        affine, _ = unpack_affine(trainer.at.objects.get(stage.key))
        assert affine.backbone == sha256
    assert trainer.catalogue.get("stripes").backbone == sha256


@pytest.mark.parametrize("chosen", [0, 1])
def test_a_quick_style_trains_over_the_backbone_that_was_chosen(
    make: MakeTrainer, chosen: int
) -> None:
    """Whichever of several has the greater hash."""
    trainer = make()
    torch.manual_seed(3)
    known = [
        trainer.catalogue.put_backbone(
            pack(TransformNet(NetConfig(4)), NetCard(NetConfig(4), "backbone", 0, 0.02))
        )
        for _ in range(2)
    ]
    trainer.catalogue.choose_backbone(known[chosen])
    trainer.finish(trainer.submit(profile="quick", stages=((0.1, 50), (1.0, 1))))
    assert trainer.catalogue.get("stripes").backbone == known[chosen]


def test_a_quick_style_of_one_stage_trains_it_as_fast_as_others_are(make: MakeTrainer) -> None:
    """A tenth of the rate, which whole nets begin with, would leave it nearly untrained."""
    trainer = make()
    torch.manual_seed(3)
    backbone = pack(TransformNet(NetConfig(4)), NetCard(NetConfig(4), "backbone", 0, 0.02))
    trainer.catalogue.put_backbone(backbone)
    trainer.finish(trainer.submit(profile="quick", stages=((10.0, 3),)))
    card = trainer.card()
    assert card.stages[0].iterations == 3
    assert card.training.peak_rate == card.training.later_rate == PEAK_RATE


def test_a_quick_style_without_a_backbone_is_a_clear_error(make: MakeTrainer) -> None:
    trainer = make()
    view = trainer.finish(trainer.submit(profile="quick"))
    assert view.error is not None
    assert view.error.type == "backbone-missing"


def test_card_names_the_corpus_that_the_training_was_sent_with(make: MakeTrainer) -> None:
    trainer = make()
    trainer.finish(trainer.submit(stages=((1.0, 2),)))
    assert trainer.card().training.corpus == "c"
