"""Which device and engine a process works with: what a setting names, or what is there."""

import torch


def choose_device(name: str) -> torch.device:
    """Return the device that a setting names; `auto` takes CUDA where there is one.

    Raises ValueError for an unknown name, or for CUDA where there is none.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"the device must be auto, cpu or cuda, not {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("the device is set to cuda, but PyTorch finds no CUDA device here")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
