"""PyTorch runs the net as it is written: on a CPU the reference, on CUDA in half precision."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from worker.engines.port import Pixels
from worker.engines.recorded import Painter, RecordedSizes, Recorder, record_cuda_graph
from worker.memory import available_bytes, check_memory, needed_bytes
from worker.net import TransformNet


class TorchEngine:
    """A net on PyTorch. It takes the net over: its weights move, and change to the engine's form.

    `dtype` is what convolutions calculate in; statistics are float32 always. `record` makes the
    net for one size into something faster, as `record_cuda_graph` does; without it, the net runs
    eagerly.
    """

    def __init__(
        self,
        net: TransformNet,
        *,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        record: Recorder | None = None,
        available: Callable[[], int | None] = available_bytes,
    ) -> None:
        self._device = device
        self._dtype = dtype
        self._available = available
        self._net = _converted(net.eval().requires_grad_(False).to(device), dtype)
        self._paint: Painter = RecordedSizes(self._net, record) if record else self._net

    @classmethod
    def for_cuda(cls, net: TransformNet, device: torch.device) -> "TorchEngine":
        """Return an engine with what a GPU gains from: half precision, channels last, graphs."""
        lasting = net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        return cls(lasting, device=device, dtype=torch.float16, record=record_cuda_graph)

    @property
    def held_bytes(self) -> int:
        """See Engine."""
        return sum(weight.nbytes for weight in self._net.state_dict().values())

    @torch.inference_mode()
    def stylize(self, rgb: Pixels) -> Pixels:
        """See Engine; raises MemoryError for a photo that the host has no memory for now."""
        if self._device.type == "cpu":
            height, width, _ = rgb.shape
            check_memory(needed_bytes(height, width, self._net.config.width), self._available())
        return to_pixels(self._paint(to_batch(rgb, self._device).to(self._dtype)))


def _converted(net: TransformNet, dtype: torch.dtype) -> TransformNet:
    """Change what convolutions calculate in; norms keep their numbers and statistics in float32."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.to(dtype)
    return net


def to_batch(rgb: Pixels, device: torch.device) -> Tensor:
    """Return (H, W, 3) uint8 as (1, 3, H, W) float 0..1 on a device, channels last in memory."""
    # Bytes travel to the device before they become floats: a quarter of the transfer.
    batch = torch.from_numpy(np.ascontiguousarray(rgb)).to(device)
    return batch.permute(2, 0, 1)[None].float().div_(255)


def to_pixels(painting: Tensor) -> Pixels:
    """Return (1, 3, H, W) float 0..1 of any precision as (H, W, 3) uint8, rounded."""
    bytes_ = painting[0].float().mul(255).round_().byte()
    return bytes_.permute(1, 2, 0).contiguous().cpu().numpy()
