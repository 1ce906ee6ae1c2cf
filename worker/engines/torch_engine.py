"""PyTorch runs the net as it is written; on a CPU it is the reference."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from worker.engines.port import Pixels
from worker.memory import available_bytes, needed_bytes
from worker.net import TransformNet


class TorchEngine:
    """A net on PyTorch, CPU or CUDA, in float32."""

    def __init__(
        self,
        net: TransformNet,
        *,
        device: torch.device,
        available: Callable[[], int | None] = available_bytes,
    ) -> None:
        self._device = device
        self._available = available
        self._net = net.eval().requires_grad_(False).to(device)

    @torch.inference_mode()
    def stylize(self, rgb: Pixels) -> Pixels:
        """See Engine; raises MemoryError for a photo that the host has no memory for now."""
        if self._device.type == "cpu":
            self._check_memory(rgb.shape[0], rgb.shape[1])
        return to_pixels(self._net(to_batch(rgb, self._device)))

    def _check_memory(self, height: int, width: int) -> None:
        """Refuse what would have the kernel kill this process, or another one in its place."""
        free = self._available()
        needed = needed_bytes(height, width, self._net.config.width)
        if free is not None and needed > free:
            raise MemoryError(f"{needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free")


def to_batch(rgb: Pixels, device: torch.device) -> Tensor:
    """Return (H, W, 3) uint8 as (1, 3, H, W) float 0..1 on a device."""
    # Bytes travel to the device before they become floats: a quarter of the transfer.
    batch = torch.from_numpy(np.ascontiguousarray(rgb)).to(device)
    return batch.permute(2, 0, 1)[None].float().div_(255)


def to_pixels(painting: Tensor) -> Pixels:
    """Return (1, 3, H, W) float 0..1 as (H, W, 3) uint8, rounded."""
    return painting[0].mul(255).round_().byte().permute(1, 2, 0).contiguous().cpu().numpy()
