"""The light of a picture, without its colours."""

from typing import Final

import torch
from torch import Tensor

#: Weights of red, green and blue (ITU-R BT.601).
LUMA: Final = (0.299, 0.587, 0.114)


def luma(picture: Tensor) -> Tensor:
    """Return the luma of pictures, (B, 3, H, W) → (B, 1, H, W), in the same range."""
    weights = torch.tensor(LUMA, dtype=picture.dtype, device=picture.device).view(1, 3, 1, 1)
    return (picture * weights).sum(1, keepdim=True)
