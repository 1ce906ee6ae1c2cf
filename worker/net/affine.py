"""Quick styles: only the scales and shifts of a shared net's instance norms.

Dumoulin, Shlens and Kudlur, "A Learned Representation for Artistic Style" (2017): one net, the
*backbone*, paints in many styles when each has its own affine. A backbone is an ordinary net file;
the norms in it are those of the near-identity that every quick style starts from. An affine file
is safetensors like a net file, and names its backbone by that file's SHA-256.
"""

import copy
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from worker.net.netfile import NetFileRejected, check_weights, is_kind, read_described, read_weights
from worker.net.transform import NetConfig, TransformNet

FORMAT = "impasto-affine"
FORMAT_VERSION = 1
_NORM_WEIGHT = re.compile(r".*\.norm\.(scale|shift)")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Affine:
    """Every norm's scales and shifts in one vector, in the order of the net's own weights.

    Affines over one backbone are points of one space; the points between them are styles too.
    """

    config: NetConfig
    #: SHA-256 (hex) of the backbone's file.
    backbone: str
    values: Tensor  # (N,) float32


@dataclass(frozen=True, slots=True)
class AffineCard:
    """The metadata of an affine file besides its backbone, like `netfile.NetCard`."""

    style: str
    stage: int
    #: Style:content ratio that the stage was trained at.
    ratio: float
    provenance: dict[str, Any] = field(default_factory=dict)


def take_affine(net: TransformNet, backbone: str) -> Affine:
    """Return a net's norms as an affine over the backbone whose convolutions it has."""
    weights = net.state_dict()
    parts = [weights[name].detach().cpu().float() for name in norm_sizes(net.config)]
    return Affine(net.config, backbone, torch.cat(parts))


def apply(backbone: TransformNet, affine: Affine) -> TransformNet:
    """Return a net with an affine's norms and the backbone's convolutions, which stay shared.

    Raises ValueError for a backbone of another shape.
    """
    if backbone.config != affine.config:
        raise ValueError(f"an affine for {affine.config} does not fit {backbone.config}")
    # `copy.deepcopy` does not copy objects that its memo lists as copied already.
    shared = {
        id(weight): weight
        for name, weight in backbone.named_parameters()
        if not is_norm_weight(name)
    }
    net = copy.deepcopy(backbone, dict(shared))
    weights = dict(net.named_parameters())
    with torch.no_grad():
        for name, values in _by_name(affine).items():
            weights[name].copy_(values)
    return net


def mix(affines: Sequence[tuple[Affine, float]]) -> Affine:
    """Return the weighted mean of affines: strength, or a blend of styles.

    Weights should sum to 1. Raises ValueError for affines over different backbones.
    """
    first = affines[0][0]
    if any((a.backbone, a.config) != (first.backbone, first.config) for a, _ in affines):
        raise ValueError("only affines over one backbone can be mixed")
    if len(affines) == 1:
        return first
    values = torch.stack([affine.values * weight for affine, weight in affines]).sum(0)
    return Affine(first.config, first.backbone, values)


def rounded(affine: Affine) -> Affine:
    """Return the affine as its file will hold it: rounded to float16."""
    return Affine(affine.config, affine.backbone, affine.values.half().float())


def pack_affine(affine: Affine, card: AffineCard) -> bytes:
    """Return the bytes of an affine file; the same affine and card give the same bytes."""
    weights = {name: values.half().contiguous() for name, values in _by_name(affine).items()}
    described = {
        "version": FORMAT_VERSION,
        "config": affine.config.described(),
        "backbone": affine.backbone,
        **asdict(card),
    }
    return safetensors.torch.save(weights, {FORMAT: json.dumps(described, sort_keys=True)})


def is_affine(data: bytes) -> bool:
    """Whether a net file is an affine; raises NetFileRejected if it is not safetensors."""
    return is_kind(data, FORMAT)


def unpack_affine(data: bytes) -> tuple[Affine, AffineCard]:
    """Return the affine (float32) and card of an affine file.

    Raises NetFileRejected for anything else: another format or version, a pickle, missing, extra
    or misshapen norms, values that are not finite.
    """
    described = read_described(data, FORMAT, FORMAT_VERSION)
    try:
        config = NetConfig(**described["config"])
        backbone = str(described["backbone"])
        card = AffineCard(
            style=str(described["style"]),
            stage=int(described["stage"]),
            ratio=float(described["ratio"]),
            provenance=dict(described["provenance"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NetFileRejected(f"The file's metadata is damaged: {error}.") from error
    if not _SHA256.fullmatch(backbone):
        raise NetFileRejected(f"The file names no backbone: {backbone[:80]!r} is no SHA-256.")
    weights = read_weights(data)
    sizes = norm_sizes(config)
    check_weights({name: (size,) for name, size in sizes.items()}, weights)
    values = torch.cat([weights[name].float() for name in sizes])
    return Affine(config, backbone, values), card


def is_norm_weight(name: str) -> bool:
    """Whether a net's weight of that name belongs to the affine, not to the backbone."""
    return _NORM_WEIGHT.fullmatch(name) is not None


@cache
def norm_sizes(config: NetConfig) -> dict[str, int]:
    """Return how many numbers each scale and shift of a net has, by name, in a fixed order."""
    with torch.device("meta"):
        weights = TransformNet(config).state_dict()
    return {name: weight.numel() for name, weight in weights.items() if is_norm_weight(name)}


def _by_name(affine: Affine) -> dict[str, Tensor]:
    sizes = norm_sizes(affine.config)
    return dict(zip(sizes, affine.values.split(list(sizes.values())), strict=True))
