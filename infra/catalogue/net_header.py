"""The header of a net file: what it says of itself, held against its weights, before it is kept.

Net files are safetensors (https://github.com/huggingface/safetensors#format) with their shape in
the metadata, as `worker/net/netfile.py` and `affine.py` write them. This reads them without any
library for nets: an imported file is a stranger's, and is checked where no net may be loaded.
"""

import json
import math
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infra.errors import StyleFileRejected

#: Largest header that is read, in bytes.
HEADER_LIMIT: Final = 1 << 20
#: Bytes of one number, by the types that weights may have.
_WIDTHS: Final = {"F16": 2, "F32": 4}
_NORM: Final = re.compile(r".*\.norm\.(scale|shift)")


class NetShape(BaseModel):
    """The shape of a net; its bounds are those of `worker.net.NetConfig`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    width: int = Field(ge=1, le=256)
    residual_blocks: int = Field(ge=0, le=64)
    upsample: Literal["resize", "transpose"]
    grain: float = Field(default=0.0, ge=0, le=64, allow_inf_nan=False)


class _Described(BaseModel):
    """The metadata of a net file of version 1."""

    version: Literal[1]
    config: NetShape
    style: str
    stage: int
    ratio: float
    provenance: dict[str, Any]
    #: SHA-256 (hex) of the net that an affine changes; only affines have one.
    backbone: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")


class _Tensor(BaseModel):
    """One weight: its type, its shape, and its place among the bytes behind the header."""

    model_config = ConfigDict(extra="forbid", strict=True)

    dtype: Literal["F16", "F32"]
    shape: list[int]
    data_offsets: tuple[int, int] = Field(strict=False)


@dataclass(frozen=True, slots=True)
class NetHeader:
    """A net file that holds what it says: its shape, and its backbone where it is an affine."""

    shape: NetShape
    backbone: str | None
    #: The loss network that it was trained with, where its file tells.
    loss_network: str | None


def check_net(data: bytes, name: str) -> NetHeader:
    """Return the header of a net file; raises StyleFileRejected, which calls it `name`.

    Every weight is there in its shape, all are finite, and nothing else is in the file.
    """
    try:
        return _check(data)
    except (ValueError, RecursionError) as error:  # pydantic's errors and JSON's are ValueErrors
        reason = "its metadata is damaged" if isinstance(error, ValidationError) else str(error)
        raise StyleFileRejected(f"{name} is no net of a style: {reason}.") from error


def _check(data: bytes) -> NetHeader:
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= min(HEADER_LIMIT, len(data) - 8):
        raise ValueError("it is not safetensors; pickles (.pth, .pt) are never read")
    header = _table(data[8 : 8 + length])
    metadata = header.pop("__metadata__", None)
    affine = isinstance(metadata, dict) and "impasto-affine" in metadata
    try:
        described = _Described.model_validate_json(
            cast("Any", metadata)["impasto-affine" if affine else "impasto-net"]
        )
    except (KeyError, TypeError) as error:
        raise ValueError("it is safetensors of something else") from error
    if affine != (described.backbone is not None):
        raise ValueError("its metadata is damaged")
    tensors = {name: _Tensor.model_validate(entry) for name, entry in header.items()}
    shapes = expected_shapes(described.config)
    if affine:
        shapes = {name: shape for name, shape in shapes.items() if _NORM.fullmatch(name)}
    if {name: tuple(tensor.shape) for name, tensor in tensors.items()} != shapes:
        raise ValueError("its weights do not have the names and shapes of its own config")
    _check_places(list(tensors.values()), len(data) - 8 - length)
    _check_finite(list(tensors.values()), memoryview(data)[8 + length :])
    loss_network = described.provenance.get("loss_network")
    return NetHeader(described.config, described.backbone, loss_network)


def _table(text: bytes) -> dict[str, Any]:
    found: object = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("its header is damaged")
    return cast("dict[str, Any]", found)


def _check_places(tensors: list[_Tensor], size: int) -> None:
    """Raise ValueError unless the weights lie one behind the other, and fill the file."""
    places = sorted(tensor.data_offsets for tensor in tensors)
    for tensor in tensors:
        start, stop = tensor.data_offsets
        if stop - start != math.prod(tensor.shape) * _WIDTHS[tensor.dtype]:
            raise ValueError("a weight has another size than its shape")
    edges = [0, *(edge for place in places for edge in place), size]
    if any(before != after for before, after in list(pairwise(edges))[::2]):
        raise ValueError("its weights overlap, or leave bytes between them")


def _check_finite(tensors: list[_Tensor], weights: memoryview) -> None:
    """Raise ValueError for weights that are no finite numbers: their exponents are all ones."""
    for tensor in tensors:
        start, stop = tensor.data_offsets
        body = bytes(weights[start:stop])
        if tensor.dtype == "F16":
            wrong = 1 in body[1::2].translate(_ONES_16)
        else:
            high = int.from_bytes(body[3::4].translate(_ONES_32), "little")
            wrong = high & int.from_bytes(body[2::4].translate(_TOP_BIT), "little") != 0
        if wrong:
            raise ValueError("a weight is no finite number")


#: Tables that turn a byte into whether the bits of an exponent in it are all ones.
_ONES_16: Final = bytes(byte & 0x7C == 0x7C for byte in range(256))
_ONES_32: Final = bytes(byte & 0x7F == 0x7F for byte in range(256))
_TOP_BIT: Final = bytes(byte >> 7 for byte in range(256))


def expected_shapes(net: NetShape) -> dict[str, tuple[int, ...]]:
    """Return the shape of every weight of a transform net, by its name."""
    width = net.width
    shapes: dict[str, tuple[int, ...]] = {}

    def layer(name: str, outputs: int, *kernel: int) -> None:
        shapes[f"{name}.conv.weight"] = kernel
        shapes[f"{name}.norm.scale"] = shapes[f"{name}.norm.shift"] = (outputs,)

    layer("down.0", width, width, 3, 9, 9)
    layer("down.1", 2 * width, 2 * width, width, 3, 3)
    layer("down.2", 4 * width, 4 * width, 2 * width, 3, 3)
    for block in range(net.residual_blocks):
        for part in ("first", "second"):
            layer(f"blocks.{block}.{part}", 4 * width, 4 * width, 4 * width, 3, 3)
    for number, inputs in enumerate((4 * width, 2 * width)):
        outputs = inputs // 2
        ends = (outputs, inputs) if net.upsample == "resize" else (inputs, outputs)
        layer(f"up.{number}", outputs, *ends, 3, 3)
    shapes["paint.weight"] = (3, width, 9, 9)
    shapes["paint.bias"] = (3,)
    return shapes
