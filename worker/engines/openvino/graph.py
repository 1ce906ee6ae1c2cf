"""The transform net as an OpenVINO graph: bytes in, bytes out."""

from collections.abc import Mapping, Sequence

import numpy as np
import openvino.opset15 as op
from openvino import Node

from worker.net import NetConfig

#: As in worker.net.InstanceNorm.
_EPS = 1e-5
_HEIGHT, _WIDTH = [2], [3]
_NCHW, _NHWC = (0, 3, 1, 2), (0, 2, 3, 1)


def build_graph(config: NetConfig, photo: Node, weights: Mapping[str, Node]) -> Node:
    """Return the painting of a photo, both (1, H, W, 3) uint8; H, W ≥ 16, known or not.

    `weights` are those of worker.engines.weights, by name.
    """
    return _Graph(config, weights).painting(photo)


class _Graph:
    def __init__(self, config: NetConfig, weights: Mapping[str, Node]) -> None:
        self._config = config
        self._weights = weights

    def painting(self, photo: Node) -> Node:
        size = op.slice(op.shape_of(photo, "i64"), [1], [3], [1])
        x = op.transpose(op.convert(photo, np.float32), _ints(_NCHW))
        # The first norm takes any constant away. Left in, it would drown what a nearly flat photo
        # shows in the rounding of sums.
        x = op.subtract(x, op.reduce_mean(x, _ints((2, 3)), True))
        for layer, (reach, stride) in enumerate(((4, 1), (1, 2), (1, 2))):
            x = op.relu(self._conv_norm(f"down.{layer}", x, reach, stride))
        for block in range(self._config.residual_blocks):
            inner = op.relu(self._conv_norm(f"blocks.{block}.first", x, 1))
            x = op.add(x, self._conv_norm(f"blocks.{block}.second", inner, 1))
        for layer in range(2):
            x = op.relu(self._up(f"up.{layer}", x))
        # Odd sides round up on the way down, so the way up may be up to 3 pixels too large.
        return self._paint(_crop(x, size), size)

    def _conv_norm(self, name: str, x: Node, reach: int, stride: int = 1) -> Node:
        padded = _pad(x, (reach, reach), "reflect")
        return self._norm(name, _conv(padded, self._weights[f"{name}.conv.weight"], stride))

    def _up(self, name: str, x: Node) -> Node:
        weight = self._weights[f"{name}.conv.weight"]
        if self._config.upsample == "transpose":
            return self._norm(name, _shuffled(_conv(_pad(x, (0, 1), "constant"), weight)))
        larger = _shuffled(_conv(_pad(x, (1, 1), "edge"), weight))
        return self._norm(name, op.slice(larger, [1, 1], [-1, -1], [1, 1], [2, 3]))

    def _paint(self, x: Node, size: Node) -> Node:
        # One row and column more than the kernel needs: an odd side has half a pair at its end.
        phases = _conv(_pad(x, (4, 5), "reflect"), self._weights["paint.weight"], stride=2)
        x = _shuffled(op.add(phases, self._weights["paint.bias"]))
        x = op.round(op.clamp(_crop(x, size), 0, 255))
        return op.transpose(op.convert(x, np.uint8), _ints(_NHWC))

    def _norm(self, name: str, x: Node) -> Node:
        scale, shift = (self._weights[f"{name}.norm.{part}"] for part in ("scale", "shift"))
        return instance_norm(x, scale, shift)


def instance_norm(x: Node, scale: Node, shift: Node) -> Node:
    """Return the instance norm of (1, C, H, W) of any size."""
    # Row by row, then over rows: OpenVINO's own norm sums up millions of float32 numbers one by
    # one, and is 9/255 off at 12 megapixels, 200/255 in a photo that is nearly flat. Two means one
    # behind the other would be merged into one such sum when they are compiled.
    columns = op.convert(op.slice(op.shape_of(x, "i64"), [3], [4], [1]), np.float32)
    sums = op.reduce_mean(op.reduce_sum(x, _WIDTH, True), _HEIGHT, True)
    apart = op.subtract(x, op.divide(sums, columns))
    squares = op.power(op.reduce_l2(apart, _WIDTH, True), np.float32(2))
    variance = op.divide(op.reduce_mean(squares, _HEIGHT, True), columns)
    deviation = op.sqrt(op.add(variance, np.float32(_EPS)))
    return op.add(op.multiply(apart, op.divide(scale, deviation)), shift)


def _conv(x: Node, weight: Node, stride: int = 1) -> Node:
    return op.convolution(x, weight, [stride] * 2, [0, 0], [0, 0], [1, 1])


def _pad(x: Node, sides: tuple[int, int], mode: str) -> Node:
    """Extend height and width by so many pixels at their begin and end."""
    begin, end = sides
    return op.pad(x, _ints((0, 0, begin, begin)), _ints((0, 0, end, end)), mode)


def _shuffled(phases: Node) -> Node:
    return op.depth_to_space(phases, "blocks_first", 2)


def _crop(x: Node, size: Node) -> Node:
    return op.slice(x, _ints((0, 0)), size, _ints((1, 1)), _ints((2, 3)))


def _ints(values: Sequence[int]) -> Node:
    return op.constant(np.array(values, np.int64))
