"""`import torchvision`, also where its compiled operators do not fit the installed torch.

On a CPU-only machine PyPI's torchvision is a CUDA build beside a CPU torch: its library of
operators cannot load, and importing torchvision stops because two operators are unknown.
Models and transforms use neither, so declaring their schemas first is enough.
"""

import torch


def _declare_missing_operators() -> torch.library.Library | None:
    """Declare torchvision's operators where the compiled ones cannot load."""
    try:
        import torchvision  # noqa: F401  # the compiled operators load with it, or it fails
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return library
    return None


#: The declarations live as long as this object.
_LIBRARY = _declare_missing_operators()

from torchvision import models  # noqa: E402  # only importable after the declarations

__all__ = ["models"]
