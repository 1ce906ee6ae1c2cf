"""The PyTorch engine: the reference on a CPU; half precision on CUDA."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from worker.engines.memory import available_bytes, check_memory, needed_bytes
from worker.engines.port import Check, Pixels, go_on
from worker.engines.pytorch.channels_last_net import channels_last_net
from worker.engines.pytorch.cuda_graphs import (
    Painter,
    RecordedSizes,
    Recorder,
    Recordings,
    record_cuda_graph,
)
from worker.net import TransformNet


def _converted(net: TransformNet, dtype: torch.dtype) -> TransformNet:
    """Set the type that convolutions calculate in; norms stay float32."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.to(dtype)
    return net


class TorchEngine:
    """A net on PyTorch. The net belongs to the engine: its weights are moved and converted.

    Convolutions calculate in `dtype`, statistics always in float32. `convert` converts the net to
    the engine's form. `record`, if given, makes the net faster for one size, as `record_cuda_graph`
    does. Engines that share `recordings` share the limit on their number.
    """

    def __init__(
        self,
        net: TransformNet,
        *,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        convert: Callable[[TransformNet, torch.dtype], TransformNet] = _converted,
        record: Recorder | None = None,
        recordings: Recordings | None = None,
        available: Callable[[], int | None] = available_bytes,
    ) -> None:
        self._device = device
        self._dtype = dtype
        self._width = net.config.width
        self._available = available
        self._net = convert(net.eval().requires_grad_(False).to(device), dtype)
        self._paint: Painter = self._net
        if record:
            self._paint = RecordedSizes(self._net, record, recordings or Recordings())

    @classmethod
    def for_cuda(
        cls,
        net: TransformNet,
        device: torch.device,
        dtype: torch.dtype = torch.float16,
        record: Recorder | None = record_cuda_graph,
        recordings: Recordings | None = None,
    ) -> "TorchEngine":
        """Return an engine in the form for a GPU: half precision, channels last, CUDA graphs."""
        return cls(
            net,
            device=device,
            dtype=dtype,
            convert=channels_last_net,
            record=record,
            recordings=recordings,
        )

    @property
    def held_bytes(self) -> int:
        """See Engine."""
        return sum(weight.nbytes for weight in self._net.state_dict().values())

    def needed_bytes(self, height: int, width: int) -> int:
        """See WholeEngine."""
        return needed_bytes(height, width, self._width)

    def stylize(self, rgb: Pixels, check: Check = go_on) -> Pixels:
        """See Engine."""
        return self.stylize_batch([rgb], check)[0]

    @torch.inference_mode()
    def stylize_batch(self, photos: Sequence[Pixels], check: Check = go_on) -> list[Pixels]:
        """See Engine; raises MemoryError if the host lacks memory for the photos now."""
        check()
        if self._device.type == "cpu":
            height, width, _ = photos[0].shape
            check_memory(len(photos) * self.needed_bytes(height, width), self._available())
        batch = to_batch(photos, self._device)
        if self._dtype != torch.float32:
            # The first norm takes any constant away. Left in, it would take up the bits that half
            # precision has for what a nearly flat photo shows.
            batch -= batch.mean((2, 3), keepdim=True)
        return list(to_pixels(self._paint(batch.to(self._dtype))))


def to_batch(photos: Sequence[Pixels], device: torch.device) -> Tensor:
    """Return B of (H, W, 3) uint8 as (B, 3, H, W) float 0..1 on a device, channels last."""
    # Bytes travel to the device before they become floats: a quarter of the transfer.
    batch = torch.from_numpy(np.stack(photos)).to(device)
    return batch.permute(0, 3, 1, 2).float().div_(255)


def to_pixels(painting: Tensor) -> Pixels:
    """Return (B, 3, H, W) float 0..1 of any precision as (B, H, W, 3) uint8, rounded."""
    bytes_ = painting.float().mul(255).round_().byte()
    return bytes_.permute(0, 2, 3, 1).contiguous().cpu().numpy()
