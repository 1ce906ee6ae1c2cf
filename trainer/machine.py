"""What arithmetic ran on, named so that two machines of one name repeat each other's bits."""

import hashlib
from functools import cache

import torch

from trainer.arithmetic import EXACT, Arithmetic
from worker.net import NetConfig, TransformNet

#: (batch, channels, side, side) of the step that is tried.
_PHOTOS = (1, 3, 96, 96)
_SEED = 7


def machine(device: torch.device, arithmetic: Arithmetic = EXACT) -> str:
    """Name what decides the rounding of arithmetic: torch's version, and the GPU or the CPU's kind.

    A CPU's instruction set does not tell enough: libraries also choose the order of sums by the
    sizes of caches, and by instructions that have no name in torch. So a training step on made-up
    photos is tried, and what it rounds to is part of the name. So is arithmetic that is not exact.
    """
    if device.type == "cuda":
        return f"torch {torch.__version__}, {torch.cuda.get_device_name(device)}"
    kind = torch.backends.cpu.get_cpu_capability()
    name = f"torch {torch.__version__}, {kind}, rounding {_rounding(torch.get_num_threads())}"
    return name if arithmetic == EXACT else f"{name}, {arithmetic}"


@cache
def _rounding(threads: int) -> str:
    """Return eight hex digits over the gradients of one step; `threads` are those in use."""
    random = torch.Generator().manual_seed(_SEED)
    net = TransformNet(NetConfig(16)).train()
    with torch.no_grad():
        for weight in net.parameters():
            weight.copy_(torch.randn(weight.shape, generator=random).mul_(0.1))
    net(torch.rand(_PHOTOS, generator=random)).square().mean().backward()
    digest = hashlib.sha256(str(threads).encode())
    for weight in net.parameters():
        assert weight.grad is not None
        digest.update(weight.grad.numpy().tobytes())
    return digest.hexdigest()[:8]
