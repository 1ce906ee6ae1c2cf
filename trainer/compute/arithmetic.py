"""The arithmetic of training: exactly repeatable on a CPU unless set otherwise, else fast."""

import os
import shutil
import sysconfig
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Self, cast

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """How a training step is computed. The default repeats bit for bit on one kind of CPU."""

    #: Convolutions in bfloat16; statistics, Gram matrices, losses and weights stay float32.
    half: bool = False
    #: Whether the net's layers are fused by torch.compile, which takes a minute at first.
    compiled: bool = False
    #: Whether a pixel's channels lie together in memory.
    channels_last: bool = False

    @classmethod
    def of(cls, device: torch.device, *, fast: bool = False) -> Self:
        """Return what suits a device: a GPU trades the last bits for speed, a CPU if `fast`.

        Raises ValueError where a CPU's steps cannot be compiled.
        """
        if device.type == "cuda":
            return cls(half=True, compiled=True, channels_last=True)
        if not fast:
            return cls()
        if lacking := lacking_to_compile():
            raise ValueError(
                f"fast training on a CPU compiles its steps, for which {lacking} is not there: "
                "install it, or train exactly (IMPASTO_TRAINER_FAST=false)"
            )
        return cls(half=calculates_in_bfloat16(), compiled=True, channels_last=True)

    def __str__(self) -> str:
        names = {
            "channels-last": self.channels_last,
            "bfloat16": self.half,
            "compiled": self.compiled,
        }
        return ", ".join(name for name, on in names.items() if on) or "exact"

    def prepare(self, net: nn.Module) -> Callable[[Tensor], Tensor]:
        """Return the function by which a net paints; its weights are the net's own."""
        if self.channels_last:
            net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        painter = torch.compile(net, dynamic=False) if self.compiled else net
        return cast(Callable[[Tensor], Tensor], painter)

    def place(self, photo: Tensor, device: torch.device) -> Tensor:
        """Bring a batch, (B, 3, S, S), to the device, laid out as the net's weights are."""
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        return photo.to(device, non_blocking=True, memory_format=layout)

    def convolving(self, device: torch.device) -> AbstractContextManager[object]:
        """Return the context in which nets and loss networks run."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.half)


def lacking_to_compile() -> str | None:
    """Return what this machine lacks for torch.compile on a CPU; None where it lacks nothing."""
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        return f"the compiler {compiler!r} (CXX names another)"
    headers = Path(sysconfig.get_path("include"), "Python.h")
    return None if headers.exists() else f"Python's {headers}"


def calculates_in_bfloat16() -> bool:
    """Whether this CPU multiplies in bfloat16; others only pretend to, slowly."""
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()  # pyright: ignore[reportPrivateUsage]


#: CPU arithmetic that repeats bit for bit.
EXACT = Arithmetic()


def set_up_cpu(threads: int) -> None:
    """Make CPU arithmetic repeat bit for bit: fixed threads, deterministic algorithms."""
    torch.set_num_threads(threads)
    # Some layers have no deterministic gradient on a GPU, which warns of them.
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    # Made to find reads of memory that nobody wrote; it costs time in every step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore
