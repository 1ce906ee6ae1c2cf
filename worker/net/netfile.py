"""The file format of a net: safetensors whose metadata has everything needed to use it.

Weights are stored as float16: half the bytes, and the difference is invisible. Training goes on
from the rounded weights, so a file is exactly the net that was measured. Pickles are never read.
Format: https://github.com/huggingface/safetensors#format
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from infra.errors import ImpastoError
from worker.net.transform import NetConfig, TransformNet

FORMAT = "impasto-net"
FORMAT_VERSION = 1
#: Largest header that is read, in bytes.
HEADER_LIMIT = 1 << 20


class NetFileRejected(ImpastoError):
    """The bytes are not a net file of this format."""

    type = "net-file-rejected"
    title = "The file is not a net that Impasto can use."


@dataclass(frozen=True, slots=True)
class NetCard:
    """The metadata of a net file: shape, stage of the schedule, and provenance."""

    config: NetConfig
    style: str
    stage: int
    #: Style:content ratio that the stage was trained at.
    ratio: float
    provenance: dict[str, Any] = field(default_factory=dict)


def pack(net: TransformNet, card: NetCard) -> bytes:
    """Return the bytes of a net file; the same net and card give the same bytes."""
    weights = {name: w.detach().cpu().half().contiguous() for name, w in net.state_dict().items()}
    described = {
        "version": FORMAT_VERSION,
        "config": card.config.described(),
        "style": card.style,
        "stage": card.stage,
        "ratio": card.ratio,
        "provenance": card.provenance,
    }
    # One entry, because the library writes several in no fixed order, and the same net should
    # have the same hash.
    return safetensors.torch.save(weights, {FORMAT: json.dumps(described, sort_keys=True)})


def unpack(data: bytes) -> tuple[TransformNet, NetCard]:
    """Return the net (float32, evaluation mode) and card of a net file.

    Raises NetFileRejected for anything else: another format or version, a pickle, missing, extra
    or misshapen weights, values that are not finite.
    """
    card = read_card(data)
    net = TransformNet(card.config)
    weights = read_weights(data)
    check_weights({name: weight.shape for name, weight in net.state_dict().items()}, weights)
    net.load_state_dict({name: weight.float() for name, weight in weights.items()})
    return net.eval(), card


def read_card(data: bytes) -> NetCard:
    """Return the metadata of a net file; raises NetFileRejected."""
    described = read_described(data, FORMAT, FORMAT_VERSION)
    try:
        return NetCard(
            config=NetConfig(**described["config"]),
            style=str(described["style"]),
            stage=int(described["stage"]),
            ratio=float(described["ratio"]),
            provenance=dict(described["provenance"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NetFileRejected(f"The file's metadata is damaged: {error}.") from error


def read_weights(data: bytes) -> dict[str, Tensor]:
    """Return a safetensors file's tensors as they are stored; raises NetFileRejected."""
    try:
        return safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise NetFileRejected(f"The weights cannot be read: {error}.") from error


def read_described(data: bytes, kind: str, version: int) -> dict[str, Any]:
    """Return the metadata entry in which a file of the kind `kind` describes itself.

    Raises NetFileRejected for a file of another kind or version.
    """
    metadata = _metadata(data)
    try:
        described = json.loads(metadata[kind])
    except KeyError as error:
        raise NetFileRejected(
            f"This is a safetensors file, but not of an Impasto net: it has no {kind!r} in its "
            "metadata."
        ) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise NetFileRejected("The file's header or metadata is damaged.") from error
    if not isinstance(described, dict):
        raise NetFileRejected("The file's metadata is damaged: it is not a table.")
    if described.get("version") != version:
        raise NetFileRejected(
            f"The file has format version {described.get('version')!r}; this Impasto reads "
            f"version {version}."
        )
    return described


def is_kind(data: bytes, kind: str) -> bool:
    """Whether a safetensors file describes itself as that kind; raises NetFileRejected."""
    return kind in _metadata(data)


def _metadata(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= min(HEADER_LIMIT, len(data) - 8):
        raise NetFileRejected(
            "This is not a safetensors file. Nets are read from safetensors only, never from "
            "pickles (.pth, .pt)."
        )
    try:
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    except (ValueError, AttributeError, RecursionError) as error:
        raise NetFileRejected("The file's header or metadata is damaged.") from error
    if not isinstance(metadata, dict):
        raise NetFileRejected("The file's header or metadata is damaged.")
    return metadata


def check_weights(expected: Mapping[str, Sequence[int]], weights: Mapping[str, Tensor]) -> None:
    """Check the names and shapes of weights, and that they are finite floats.

    Raises NetFileRejected, which names the first that is wrong.
    """
    shapes = {name: tuple(shape) for name, shape in expected.items()}
    found = {name: tuple(weight.shape) for name, weight in weights.items()}
    if shapes != found:
        wrong = sorted(n for n in shapes | found if shapes.get(n) != found.get(n))
        raise NetFileRejected(f"The weights do not fit the file's own config at {wrong[0]!r}.")
    for name, weight in weights.items():
        if not weight.is_floating_point() or not torch.isfinite(weight).all():
            raise NetFileRejected(f"The weight {name!r} holds values that are no finite numbers.")


def blend(nets: list[tuple[TransformNet, float]]) -> TransformNet:
    """Return the net whose weights are the weighted mean of nets of one shape.

    Neighbouring stages of one schedule have similar weights, so the means of these are nets of a
    strength in between. Weights should sum to 1. Raises ValueError for nets of unlike shapes.
    """
    first = nets[0][0]
    if any(net.config != first.config for net, _ in nets):
        raise ValueError("only nets of one shape can be blended")
    if len(nets) == 1:
        return first
    mixed = TransformNet(first.config)
    states = [(net.state_dict(), weight) for net, weight in nets]
    mixed.load_state_dict(
        {name: torch.stack([s[name] * w for s, w in states]).sum(0) for name in states[0][0]}
    )
    return mixed.eval()
