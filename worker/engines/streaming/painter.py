"""Paints a photo of any size layer by layer, as each norm's statistics become known.

Planes on the disk hold the pictures at half resolution, and at a quarter those of the residual
blocks. A plane is freed once nothing reads it. Layers at full resolution would take most of the
disk, so they are computed again for each norm; that adds a sixth to the light net's arithmetic.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from weakref import WeakSet

import numpy as np
import torch
from torch import Tensor

from worker.engines.port import Check, Pixels, go_on
from worker.engines.streaming.kernels import Kernels
from worker.engines.streaming.norms import FrozenNorm, Moments, freeze, moments, whole
from worker.engines.streaming.pictures import (
    Convolution,
    Crop,
    Doubling,
    Paint,
    PhotoPicture,
    Picture,
)
from worker.engines.streaming.plane import Plane
from worker.engines.streaming.stored import StoredPicture, Total
from worker.engines.streaming.tiles import TileCrew, crew
from worker.engines.streaming.windows import Window, tiling
from worker.engines.weights import Arrays
from worker.net import NetConfig

#: Side of a tile, in pixels of the photo: its activations stay in a processor's cache, and what
#: neighbouring tiles compute twice is little.
TILE = 512
#: Tiles after which the planes' pages are dropped from the process's memory.
UNMAP_EVERY = 32

#: Stores a tile, besides measuring it.
Keep = Callable[[Window, Tensor], None]
Layer = TypeVar("Layer", Convolution, Doubling)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamedNet:
    """A net that paints photos tile by tile.

    `weights` returns those of worker.engines.weights; it is called for each photo. Convolutions
    calculate in `dtype`; statistics are float32 within a tile and float64 over all tiles. Planes
    are files in `folder`.
    """

    config: NetConfig
    weights: Callable[[], Arrays]
    folder: Path
    device: torch.device
    threads: int = 1
    dtype: torch.dtype = torch.float32
    tile: int = TILE

    def paint(self, rgb: Pixels, check: Check = go_on) -> Pixels:
        """Return the painting of a photo, (H, W, 3) uint8 both.

        Raises, between tiles, what `check` raises, and MemoryError where the disk is full.
        """
        with crew(self.threads, check) as tiles:
            return _Passes(self, tiles).painting(rgb)


class _Passes:
    """The passes over one photo."""

    def __init__(self, net: StreamedNet, tiles: TileCrew) -> None:
        self._net = net
        self._kernels = Kernels(net.weights(), device=net.device, dtype=net.dtype)
        self._tiles = tiles
        self._planes = WeakSet[Plane]()

    @torch.inference_mode()
    def painting(self, rgb: Pixels) -> Pixels:
        kernels = self._kernels
        grain, upsample = self._net.config.grain, self._net.config.upsample
        photo = PhotoPicture(rgb, grain, device=self._net.device, dtype=self._net.dtype)
        x = self._normed("down.0", Convolution(photo, kernels.entry()), 1)
        x = self._kept("down.1", Convolution(x, kernels.conv("down.1"), stride=2), 2)
        x = self._kept("down.2", Convolution(x, kernels.conv("down.2"), stride=2), 4)
        x = self._trunk(x)
        x = self._kept("up.0", Doubling(x, kernels.conv("up.0"), upsample), 2)
        x = self._normed("up.1", Doubling(x, kernels.conv("up.1"), upsample), 1)
        x = Crop(x, height=photo.height, width=photo.width)
        return self._filled(Paint(x, *kernels.paint()), np.empty_like(rgb))

    def _trunk(self, x: StoredPicture) -> Picture:
        """Work the residual blocks: `x` lies on their plain path, the others beside it."""
        inner, outer = (self._plane(x.height, x.width, 4) for _ in range(2))
        trunk: Picture = x
        for block in range(self._net.config.residual_blocks):
            first, second = f"blocks.{block}.first", f"blocks.{block}.second"
            made = Convolution(trunk, self._kernels.conv(first))
            norm = self._norm(first, made, 4, inner.write, (inner,))
            seen = self._stored(inner, norm, rectified=True)
            made = Convolution(seen, self._kernels.conv(second))
            settle = _settling(trunk, x.plane, outer)
            norm = self._norm(second, made, 4, settle, (x.plane, outer))
            trunk = Total(self._stored(x.plane), self._stored(outer, norm))
        return trunk

    def _normed(self, name: str, layer: Layer, scale: int) -> Layer:
        return layer.normed(self._norm(name, layer, scale))

    def _kept(self, name: str, layer: Picture, scale: int) -> StoredPicture:
        """Compute a layer, `scale` times smaller than the photo, into a plane of its own."""
        plane = self._plane(layer.height, layer.width, scale)
        norm = self._norm(name, layer, scale, plane.write, (plane,))
        return self._stored(plane, norm, rectified=True)

    def _norm(
        self,
        name: str,
        layer: Picture,
        scale: int,
        keep: Keep | None = None,
        written: Sequence[Plane] = (),
    ) -> FrozenNorm:
        """Measure a whole layer, `scale` times smaller than the photo, and return its norm.

        `keep` writes to the planes that are `written`.
        """

        def look(tile: Window) -> Moments:
            if not tile.columns.start:
                for plane in written:
                    plane.prefault(tile.rows)
            part = layer.read(tile)
            if keep:
                keep(tile, part)
            return moments(part)

        found = whole(self._each(layer.height, layer.width, self._net.tile // scale, look))
        return freeze(found, *self._kernels.norm(name))

    def _filled(self, paint: Picture, painting: Pixels) -> Pixels:
        def fill(tile: Window) -> None:
            part = paint.read(tile)[0].float().clamp_(0, 255).round_().byte()
            painting[tile.slices] = part.permute(1, 2, 0).cpu().numpy()

        height, width, _ = painting.shape
        for _ in self._each(height, width, self._net.tile, fill):
            pass
        return painting

    def _each(self, height: int, width: int, side: int, work: Callable[[Window], T]) -> Iterator[T]:
        for number, done in enumerate(self._tiles.each(tiling(height, width, side), work), 1):
            yield done
            if number % UNMAP_EVERY == 0:
                for plane in self._planes:
                    plane.unmap_pages()

    def _plane(self, height: int, width: int, widths: int) -> Plane:
        """Allocate a plane with `widths` times the net's width of channels."""
        plane = Plane(self._net.folder, height, width, widths * self._net.config.width)
        self._planes.add(plane)
        return plane

    def _stored(
        self, plane: Plane, norm: FrozenNorm | None = None, *, rectified: bool = False
    ) -> StoredPicture:
        return StoredPicture(
            plane, norm, rectified=rectified, device=self._net.device, dtype=self._net.dtype
        )


def _settling(trunk: Picture, x: Plane, outer: Plane) -> Keep:
    """Store the trunk's sum before its parts are overwritten: no other tile reads this one."""

    def keep(tile: Window, part: Tensor) -> None:
        x.write(tile, trunk.read(tile))
        outer.write(tile, part)

    return keep
