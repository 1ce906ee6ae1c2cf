"""The arithmetic of a GPU, as far as a CPU can show it: other bits, the same training."""

import pytest
import torch
from torch import Tensor

from infra.jobs.domain.schedule import Stage
from trainer.compute.arithmetic import EXACT, Arithmetic, lacking_to_compile
from trainer.compute.machine import machine
from trainer.loss.distances import style_target
from trainer.loss.network import LossNetwork
from trainer.loss.objective import Hyperparameters, Objective, StepLoss
from worker.net import NetConfig, TransformNet

HALF = Arithmetic(half=True, channels_last=True)
CPU = torch.device("cpu")


def one_step(arithmetic: Arithmetic, network: LossNetwork) -> tuple[Tensor, StepLoss, TransformNet]:
    torch.manual_seed(4)
    net = TransformNet(NetConfig(4, 1)).train()
    target = style_target(network, torch.rand(1, 3, 64, 64))
    stage = Stage(1.0, 10)
    objective = Objective(
        network, Hyperparameters(), stage, lowest_ratio=1.0, first_photo=0, arithmetic=arithmetic
    )
    photo = arithmetic.place(torch.rand(2, 3, 64, 64), CPU)
    loss, seen = objective(arithmetic.prepare(net), target, photo, 0)
    loss.backward()
    return loss, seen, net


def test_a_gpu_computes_in_half_precision_and_a_cpu_exactly() -> None:
    assert Arithmetic.of(CPU) == EXACT
    assert Arithmetic.of(torch.device("cuda")) == Arithmetic(True, True, True)


@pytest.mark.skipif(lacking_to_compile() is not None, reason="compiling takes a C++ compiler")
def test_a_cpu_trains_fast_where_that_is_wished() -> None:
    fast = Arithmetic.of(CPU, fast=True)
    assert fast.compiled
    assert fast.channels_last
    assert machine(CPU, fast) == f"{machine(CPU)}, {fast}"


@pytest.mark.skipif(lacking_to_compile() is not None, reason="compiling takes a C++ compiler")
@pytest.mark.parametrize("amx", [False, True])
@pytest.mark.parametrize("avx512", [False, True])
def test_fast_training_takes_bfloat16_where_the_processor_multiplies_in_it(
    monkeypatch: pytest.MonkeyPatch, amx: bool, avx512: bool
) -> None:
    """Where it is only imitated, a step would take five times as long as a plain one."""
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    assert Arithmetic.of(CPU, fast=True).half is (amx or avx512)


def test_fast_training_without_a_compiler_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ValueError, match="no-such-compiler"):
        Arithmetic.of(CPU, fast=True)


def test_half_precision_sees_the_same_losses_but_for_rounding(loss_network: LossNetwork) -> None:
    exact, seen, _ = one_step(EXACT, loss_network)
    half, seen_half, _ = one_step(HALF, loss_network)
    assert exact.item() != half.item()
    torch.testing.assert_close(half, exact, rtol=0.02, atol=0)
    assert abs(seen_half.style - seen.style) < 0.02 * seen.style


def test_losses_weights_and_gradients_stay_float32(loss_network: LossNetwork) -> None:
    loss, _, net = one_step(HALF, loss_network)
    assert loss.dtype == torch.float32
    for weight in net.parameters():
        assert weight.grad is not None
        assert weight.dtype == weight.grad.dtype == torch.float32


def test_channels_last_changes_nothing_but_rounding(loss_network: LossNetwork) -> None:
    exact, _, _ = one_step(EXACT, loss_network)
    other, _, _ = one_step(Arithmetic(channels_last=True), loss_network)
    torch.testing.assert_close(other, exact, rtol=1e-4, atol=0)
