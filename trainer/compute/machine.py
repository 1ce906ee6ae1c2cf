"""Names of machines: two of one name repeat each other's bits."""

import hashlib
import platform
import re
from functools import cache
from pathlib import Path

import torch

from trainer.compute.arithmetic import EXACT, Arithmetic
from worker.net import NetConfig, TransformNet

#: (batch, channels, side, side) of the step that is tried.
_PHOTOS = (1, 3, 96, 96)
_SEED = 7
#: Where Linux says what a processor is.
_CPUINFO = Path("/proc/cpuinfo")


def machine(device: torch.device, arithmetic: Arithmetic = EXACT) -> str:
    """Name what decides the rounding of arithmetic: torch's version, and the GPU or the CPU's kind.

    A CPU's instruction set does not tell enough: libraries also choose the order of sums by the
    model, by the sizes of caches, and by instructions that have no name in torch. So the model is
    part of the name, and what a training step on small made-up photos rounds to: two models that
    do that alike were seen to differ on larger ones. So is arithmetic that is not exact.
    """
    if device.type == "cuda":
        return f"torch {torch.__version__}, {torch.cuda.get_device_name(device)}"
    kind = f"{torch.backends.cpu.get_cpu_capability()}, {processor()}"
    name = f"torch {torch.__version__}, {kind}, rounding {_rounding(torch.get_num_threads())}"
    return name if arithmetic == EXACT else f"{name}, {arithmetic}"


def processor(cpuinfo: Path = _CPUINFO) -> str:
    """Return maker, family and model of the CPU, as Linux numbers them, or what else is known.

    Its trade name would not do: virtual machines show several models under one.
    """
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    numbers = dict(re.findall(r"^(vendor_id|cpu family|model)\s*: *(.+)$", text, re.MULTILINE))
    return " ".join(numbers.values()) or platform.processor() or platform.machine()


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
