"""A training as a state machine: it can be stopped anywhere, and it takes back what went wrong."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from infra.catalogue.card import StyleCard
from tests.fakes.storage import MemoryStore
from tests.run_configs import run_config
from trainer.data.corpus import CorpusChanged, PhotoFolder
from trainer.loss.network import LossNetwork
from trainer.loss.objective import Hyperparameters
from trainer.schedule.guard import GuardRules, TrainingDiverged
from trainer.schedule.learning_rate import Adaptive
from trainer.training.checkpoint import (
    Checkpoint,
    CheckpointRejected,
    CheckpointStore,
    pack_checkpoint,
    unpack_checkpoint,
)
from trainer.training.context import TrainingContext
from trainer.training.run import StageEnd, TrainingRun
from worker.net import NetConfig
from worker.net.netfile import NetCard, pack, unpack

#: Acts on nothing that these short trainings do.
LENIENT = GuardRules(lost=math.inf)

ContextMaker = Callable[..., TrainingContext]


@pytest.fixture(scope="session")
def make_context(painting: Path, photos: Path, loss_network: LossNetwork) -> ContextMaker:
    torch.set_num_threads(1)

    def make(
        schedule: str = "0.02:3,1:3",
        adaptive: Adaptive | None = None,
        seed: int = 1,
        grain: float = 0.0,
    ) -> TrainingContext:
        config = run_config(
            painting,
            photos,
            schedule,
            net=NetConfig(2, 1, grain=grain),
            hyperparameters=Hyperparameters(batch=1, crop=48, seed=seed, smoothness=0.1),
            adaptive=adaptive,
        )
        return TrainingContext(config, loss_network, PhotoFolder(photos, side=64))

    return make


@pytest.fixture(scope="session")
def context(make_context: ContextMaker) -> TrainingContext:
    return make_context()


def advance(run: TrainingRun) -> StageEnd | None:
    if run.stage_ready:
        return run.end_stage()
    run.step()
    return None


def finish(run: TrainingRun) -> list[StageEnd]:
    ends: list[StageEnd] = []
    while not run.done:
        if end := advance(run):
            ends.append(end)
    run.close()
    return ends


def reopened(context: TrainingContext, run: TrainingRun) -> TrainingRun:
    """Another process's run, from what the first one would have left in the bucket."""
    again = TrainingRun(context, rules=LENIENT)
    again.restore(unpack_checkpoint(pack_checkpoint(run.state()), again.config_digest))
    run.close()
    return again


def nets(card: StyleCard) -> list[str]:
    return [stage.sha256 for stage in card.stages]


def same(one: Checkpoint, other: Checkpoint) -> bool:
    """Whether two states are one, but for the time they took."""
    equal = all(torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors)
    keys = set(one.tensors) == set(other.tensors)
    plain = [
        {**c.facts, "seconds": 0, "card": nets(StyleCard(**c.facts["card"]))} for c in (one, other)
    ]
    return equal and keys and plain[0] == plain[1] and one.tick == other.tick


def test_a_run_stopped_at_every_boundary_ends_in_the_same_nets(context: TrainingContext) -> None:
    """Every state of the way is saved, read and continued from: bit for bit the same at the end."""
    whole = TrainingRun(context, rules=LENIENT)
    finish(whole)
    run = TrainingRun(context, rules=LENIENT)
    while not run.done:
        advance(run)
        run = reopened(context, run)
    assert same(run.state(), whole.state())
    assert nets(run.card) == nets(whole.card)
    assert len(run.card.stages) == 2
    assert [stage.first for stage in run.card.stages] == [s.first for s in whole.card.stages]
    assert [len(stage) for stage in run.history] == [3, 3, 0]


@pytest.mark.parametrize("grain", [0.0, 6.0])
def test_a_restored_run_continues_from_any_single_stop(
    make_context: ContextMaker, grain: float
) -> None:
    context = make_context(grain=grain)
    whole = TrainingRun(context, rules=LENIENT)
    finish(whole)
    for stop in (1, 4, 6):
        run = TrainingRun(context, rules=LENIENT)
        for _ in range(stop):
            advance(run)
        again = reopened(context, run)
        finish(again)
        assert nets(again.card) == nets(whole.card)


def test_a_grain_is_part_of_what_is_trained(make_context: ContextMaker) -> None:
    """Nets and digests differ; a net of another grain does not serve as the base."""
    contexts = [make_context("0.02:2", grain=grain) for grain in (0.0, 6.0)]
    plain, rough = (TrainingRun(context, rules=LENIENT) for context in contexts)
    bodies = [finish(run)[0].data or b"" for run in (plain, rough)]
    weights = [unpack(body)[0].paint.weight for body in bodies]
    assert not torch.equal(*weights)
    assert plain.config_digest != rough.config_digest
    assert rough.card.net.grain == 6.0
    with pytest.raises(ValueError, match="shape"):
        TrainingRun(contexts[1], base=bodies[0])


def test_an_adaptive_run_decides_the_same_after_a_stop(make_context: ContextMaker) -> None:
    """Where a stage ends depends on the losses alone, and these are in the checkpoint."""
    rule = Adaptive(window=3, threshold=0.9, least=0.2, cooling=0.1, every=1)
    context = make_context("0.02:30,1:20", adaptive=rule)
    whole = TrainingRun(context, rules=LENIENT)
    finish(whole)
    assert 6 < whole.card.stages[0].iterations < 30
    run = TrainingRun(context, rules=LENIENT)
    while not run.done:
        for _ in range(4):
            if not run.done:
                advance(run)
        run = reopened(context, run)
    assert nets(run.card) == nets(whole.card)
    assert [s.iterations for s in run.card.stages] == [s.iterations for s in whole.card.stages]


def test_later_stages_keep_their_place_in_the_corpus(make_context: ContextMaker) -> None:
    """A base that stands for stage 0 changes no position: the second stage is the same training."""
    context = make_context()
    whole = TrainingRun(context, rules=LENIENT)
    ends = finish(whole)
    base = ends[0].data
    run = TrainingRun(context, base=base, rules=LENIENT)
    assert run.stage_ready
    based = finish(run)
    assert based[0].data == base
    assert nets(run.card) == nets(whole.card)
    assert run.card.base_sha256 == hashlib.sha256(base or b"").hexdigest()
    assert run.card.stages[0].iterations == 0
    assert run.card.stages[1].first == whole.card.stages[1].first


def test_a_base_of_another_shape_is_refused_at_once(context: TrainingContext) -> None:
    net = type(context.first_net())(NetConfig(3, 1))
    base = pack(net, NetCard(NetConfig(3, 1), "other", 0, 0.02))
    with pytest.raises(ValueError, match="shape"):
        TrainingRun(context, base=base)


def test_the_guard_goes_back_with_smaller_steps_and_says_so(make_context: ContextMaker) -> None:
    """Whatever stage 0 is, a stage that may not rise at all is taken back until it is given up."""
    context = make_context("0.02:40,1:2")
    rules = GuardRules(lost=-1, learned=math.inf, attempts=2)
    run = TrainingRun(context, rules=rules)
    with pytest.raises(TrainingDiverged, match=r"stage 1 .*2 smaller steps"):
        finish(run)
    assert [stage.stage for stage in run.card.stages] == [0]
    assert [step.rate_scale for step in run.card.interventions] == [0.5, 0.25]
    assert all("photo is lost" in step.reason for step in run.card.interventions)
    assert "ended in stage 1" in run.card.notes[-1]


def test_going_back_starts_from_the_published_net_again(context: TrainingContext) -> None:
    run = TrainingRun(context, rules=replace(LENIENT, lost=-1, learned=math.inf))
    while run.stage == 0 or not run.stage_ready:
        advance(run)
    published = run.card.stages[0].sha256
    ticks = run.tick
    assert run.end_stage() is None
    assert (run.stage, run.iteration) == (1, 0)
    assert run.tick > ticks
    start = run.state().tensors["start"].numpy().tobytes()
    assert hashlib.sha256(start).hexdigest() == published
    run.close()


def test_a_loss_that_is_no_number_is_taken_back(context: TrainingContext) -> None:
    run = TrainingRun(context, rules=LENIENT)
    run.step()
    broken = run.state()
    with torch.no_grad():
        for weight in broken.tensors.values():
            if weight.is_floating_point() and weight.dim() == 4:
                weight.fill_(float("nan"))
    run.step()
    assert "nan" in run.card.interventions[0].reason
    assert run.iteration == 0
    ends = finish(run)
    assert [end.data is not None for end in ends] == [True, True]
    assert run.card.stages[0].rate_scale == 0.5


def test_another_corpus_does_not_continue_a_training(context: TrainingContext) -> None:
    run = TrainingRun(context, rules=LENIENT)
    run.step()
    checkpoint = run.state()
    training = {**checkpoint.facts["card"]["training"], "corpus_sha256": "0" * 64}
    card = {**checkpoint.facts["card"], "training": training}
    other = replace(checkpoint, facts={**checkpoint.facts, "card": card})
    with pytest.raises(CorpusChanged):
        TrainingRun(context).restore(other)
    run.close()


def test_a_checkpoint_cut_at_any_byte_is_refused(context: TrainingContext) -> None:
    run = TrainingRun(context, rules=LENIENT)
    run.step()
    data = pack_checkpoint(run.state())
    for length in [*range(0, len(data), len(data) // 50), len(data) - 1]:
        with pytest.raises(CheckpointRejected):
            unpack_checkpoint(data[:length], run.config_digest)
    run.close()


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.999])
def test_a_damaged_checkpoint_is_refused(context: TrainingContext, part: float) -> None:
    run = TrainingRun(context, rules=LENIENT)
    run.step()
    data = bytearray(pack_checkpoint(run.state()))
    data[int(part * len(data))] ^= 1
    with pytest.raises(CheckpointRejected):
        unpack_checkpoint(bytes(data), run.config_digest)
    run.close()


def test_a_checkpoint_of_another_config_is_refused(make_context: ContextMaker) -> None:
    run = TrainingRun(make_context())
    data = pack_checkpoint(run.state())
    other = TrainingRun(make_context(seed=2))
    with pytest.raises(CheckpointRejected, match="another training config"):
        unpack_checkpoint(data, other.config_digest)


def test_a_truncated_newest_checkpoint_falls_back_to_the_one_before(
    context: TrainingContext,
) -> None:
    objects = MemoryStore()
    store = CheckpointStore(objects=objects, prefix="c/")
    run = TrainingRun(context, rules=LENIENT)
    for token in (7, 7, 9):
        run.step()
        store.save(run.state(), token)
    keys = sorted(objects.objects)
    assert [key.split("-")[0] for key in keys] == ["c/000000002", "c/000000003"]
    objects.objects[keys[1]] = objects.objects[keys[1]][:-100]
    found = store.newest(run.config_digest)
    assert found is not None
    assert (found.tick, found.iteration) == (2, 2)
    assert sorted(objects.objects) == keys[:1]
    run.close()


def test_the_first_net_of_all_is_no_checkpoint(context: TrainingContext) -> None:
    store = CheckpointStore(objects=MemoryStore(), prefix="c/")
    assert store.newest(TrainingRun(context).config_digest) is None
