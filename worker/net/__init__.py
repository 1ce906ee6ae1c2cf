"""The transform net, its file format, and the affine of quick styles."""

from worker.net.transform import (
    MAX_GRAIN,
    SMALLEST_SIDE,
    ConvNorm,
    InstanceNorm,
    NetConfig,
    PaintConv,
    ResizeUp,
    TransformNet,
    TransposeUp,
    Upsample,
)

__all__ = [
    "MAX_GRAIN",
    "SMALLEST_SIDE",
    "ConvNorm",
    "InstanceNorm",
    "NetConfig",
    "PaintConv",
    "ResizeUp",
    "TransformNet",
    "TransposeUp",
    "Upsample",
]
