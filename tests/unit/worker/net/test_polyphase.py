"""The phase-wise convolutions give what the plain ones give, and so do their gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from trainer.compute.arithmetic import lacking_to_compile
from worker.net.polyphase import doubled_conv, shuffled_conv

SIDES = st.integers(1, 12)


def random(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


@given(height=SIDES, width=SIDES, batch=st.integers(1, 2))
@settings(max_examples=40, deadline=None)
def test_doubling_and_convolving_is_one_thing(height: int, width: int, batch: int) -> None:
    x, weight = random(batch, 3, height, width), random(5, 3, 3, 3)
    doubled = F.pad(F.interpolate(x, scale_factor=2, mode="nearest"), (1, 1, 1, 1), "reflect")
    assert_equal_with_gradients(F.conv2d(doubled, weight), doubled_conv(x, weight), [x, weight])


@given(height=st.integers(9, 20), width=st.integers(9, 20))
@settings(max_examples=40, deadline=None)
def test_a_convolution_may_be_shuffled_from_its_phases(height: int, width: int) -> None:
    """Odd results too: they end in the middle of a phase."""
    x, weight, bias = random(2, 4, height, width), random(3, 4, 9, 9), random(3)
    plain = F.conv2d(x, weight, bias)
    assert_equal_with_gradients(plain, shuffled_conv(x, weight, bias), [x, weight, bias])


@pytest.mark.skipif(lacking_to_compile() is not None, reason="compiling takes a C++ compiler")
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch.compile's own
def test_doubling_can_be_compiled_with_its_gradients() -> None:
    compiled = torch.compile(doubled_conv, dynamic=False)
    x, weight = random(1, 3, 6, 7), random(5, 3, 3, 3)
    assert_equal_with_gradients(doubled_conv(x, weight), compiled(x, weight), [x, weight])


def assert_equal_with_gradients(expected: Tensor, found: Tensor, inputs: list[Tensor]) -> None:
    torch.testing.assert_close(found, expected)
    weight = torch.randn_like(expected)
    wanted = torch.autograd.grad((expected * weight).sum(), inputs)
    given = torch.autograd.grad((found * weight).sum(), inputs)
    torch.testing.assert_close(given, wanted)
