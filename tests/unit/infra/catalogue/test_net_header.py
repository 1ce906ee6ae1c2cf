"""Net files of strangers, held against their own headers."""

import hashlib
import json
import struct
from collections.abc import Callable
from typing import Any

import pytest

from infra.bundled import BUNDLED_BACKBONE, BUNDLED_BASE, BUNDLED_STYLES
from infra.catalogue.net_header import NetShape, check_net, expected_shapes
from infra.errors import StyleFileRejected
from tests.style_files import affine, net
from worker.net import NetConfig, TransformNet
from worker.net.netfile import NetCard, pack

Header = dict[str, Any]


@pytest.mark.parametrize(
    "config",
    [
        NetConfig(),
        NetConfig(width=16),
        NetConfig(width=3, residual_blocks=0, upsample="transpose"),
        NetConfig(width=1, residual_blocks=2),
    ],
)
def test_expected_shapes_are_those_of_the_net(config: NetConfig) -> None:
    shape = NetShape(
        width=config.width, residual_blocks=config.residual_blocks, upsample=config.upsample
    )
    weights = TransformNet(config).state_dict()
    assert expected_shapes(shape) == {name: tuple(w.shape) for name, w in weights.items()}


def test_all_that_is_bundled_passes() -> None:
    backbone = hashlib.sha256(BUNDLED_BACKBONE.read_bytes()).hexdigest()
    for path in [*BUNDLED_STYLES.glob("*/*.safetensors"), BUNDLED_BACKBONE, BUNDLED_BASE]:
        found = check_net(path.read_bytes(), path.name)
        assert found.shape.width == 16
        assert found.backbone == (backbone if path.name.startswith("stage-") else None), path


def test_a_net_may_have_a_grain() -> None:
    """Unlike its backbone's, it would be another shape: a style file of the two is refused."""
    card = NetCard(NetConfig(1, 1, grain=2.5), "rough", 0, 1.0)
    rough = check_net(pack(TransformNet(card.config), card), "stage-0").shape
    assert rough.grain == 2.5
    assert rough != rough.model_copy(update={"grain": 0.0})


def test_an_affine_names_its_backbone() -> None:
    assert check_net(affine(net(1), 2), "stage-0").backbone is not None


def changed(data: bytes, change: Callable[[Header], object], tail: bytes = b"") -> bytes:
    """Return a net file with another header."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :] + tail


def describe(**changes: object) -> Callable[[Header], object]:
    def change(header: Header) -> None:
        described = json.loads(header["__metadata__"]["impasto-net"])
        header["__metadata__"]["impasto-net"] = json.dumps({**described, **changes})

    return change


def config(**changes: object) -> Callable[[Header], object]:
    return describe(config={"width": 2, "residual_blocks": 1, "upsample": "resize", **changes})


def weight(**changes: object) -> Callable[[Header], object]:
    return lambda header: header["paint.bias"].update(changes)


@pytest.mark.parametrize(
    "change",
    [
        config(width=3),
        config(width=100_000),
        config(residual_blocks=10**9),
        config(upsample="magic"),
        config(depth=2),
        config(grain=65),
        config(grain=-1),
        config(grain="4"),
        config(grain=float("nan")),
        describe(version=2),
        describe(backbone="0" * 64),
        describe(provenance=None),
        weight(shape=[4]),
        weight(dtype="BOOL"),
        weight(dtype="F32"),
        weight(data_offsets=[0, 6]),
        weight(data_offsets=[-6, 0]),
        weight(data_offsets="all"),
        weight(extra=1),
        lambda header: header.pop("paint.bias"),
        lambda header: header.pop("__metadata__"),
        lambda header: header.update(more={"dtype": "F16", "shape": [0], "data_offsets": [0, 0]}),
    ],
)
def test_a_header_that_lies_is_refused(change: Callable[[Header], object]) -> None:
    with pytest.raises(StyleFileRejected, match=r"stage-0\.safetensors is no net of a style"):
        check_net(changed(net(1), change), "stage-0.safetensors")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x02}q\x00.",
        b"\xff" * 64,
        (2**20 + 1).to_bytes(8, "little") + b" " * (2**20 + 1),
        (4).to_bytes(8, "little") + b"[[[[",
        (100_000).to_bytes(8, "little") + b"[" * 100_000,
        changed(net(1), lambda header: None, tail=b"more"),
        net(1)[:-1],
    ],
)
def test_what_is_no_net_is_refused(data: bytes) -> None:
    with pytest.raises(StyleFileRejected):
        check_net(data, "stage-0.safetensors")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers_are_refused(value: float) -> None:
    """As float16 and as float32, whose exponent lies across two bytes."""
    data = net(1)
    half = data[:-2] + struct.pack("<e", value)
    with pytest.raises(StyleFileRejected, match="finite"):
        check_net(half, "stage-0.safetensors")
    with pytest.raises(StyleFileRejected, match="finite"):
        check_net(in_floats(data, value), "stage-0.safetensors")
    assert check_net(in_floats(data, -3e38), "stage-0.safetensors").shape.width == 2


def in_floats(data: bytes, last: float) -> bytes:
    """Return a net file with its weights as float32, all but the last one zeros."""
    length = int.from_bytes(data[:8], "little")
    count = (len(data) - 8 - length) // 2

    def widen(header: Header) -> None:
        for name, entry in header.items():
            if name != "__metadata__":
                entry["dtype"] = "F32"
                entry["data_offsets"] = [2 * at for at in entry["data_offsets"]]

    text = changed(data[: 8 + length], widen)
    return text + bytes(4 * (count - 1)) + struct.pack("<f", last)
