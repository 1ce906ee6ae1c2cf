"""The net's file format: what goes in comes out, and anything else is refused."""

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.bundled import BUNDLED_BASE
from worker.net import NetConfig, TransformNet
from worker.net.netfile import FORMAT, NetCard, NetFileRejected, blend, pack, read_card, unpack

CONFIG = NetConfig(width=2, residual_blocks=1, upsample="transpose")
CARD = NetCard(CONFIG, "waves", 3, 1.5, {"painting_sha256": "ab" * 32, "licence": "CC0"})


def net(seed: int = 0) -> TransformNet:
    torch.manual_seed(seed)
    return TransformNet(CONFIG)


def described(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    return json.loads(json.loads(data[8 : 8 + length])["__metadata__"][FORMAT])


def tampered(**metadata: object) -> bytes:
    """A net file whose metadata says something else."""
    original = pack(net(), CARD)
    text = json.dumps({**described(original), **metadata})
    return safetensors.torch.save(safetensors.torch.load(original), {FORMAT: text})


def test_a_packed_net_comes_back_with_its_card() -> None:
    packed = net()
    loaded, card = unpack(pack(packed, CARD))
    assert card == CARD
    for name, weight in packed.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight.half().float())
    assert not loaded.training


def test_packing_what_was_unpacked_changes_no_byte() -> None:
    """Training goes on from the file, so rounding must happen once only."""
    data = pack(net(), CARD)
    assert pack(*unpack(data)) == data


def test_a_net_of_before_there_was_a_grain_is_packed_as_it_was() -> None:
    """Files and hashes of nets without one stay."""
    data = BUNDLED_BASE.read_bytes()
    assert b"grain" not in data[:2000]
    assert pack(*unpack(data)) == data


def test_a_file_names_the_grain_of_its_net() -> None:
    card = replace(CARD, config=replace(CONFIG, grain=4.0))
    data = pack(TransformNet(card.config), card)
    assert described(data)["config"]["grain"] == 4.0
    loaded, read = unpack(data)
    assert read == card
    assert loaded.config.grain == 4.0
    assert pack(loaded, read) == data


def with_weight(name: str, weight: torch.Tensor) -> bytes:
    original = pack(net(), CARD)
    weights = {**safetensors.torch.load(original), name: weight}
    return safetensors.torch.save(weights, {FORMAT: json.dumps(described(original))})


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: b"", "not a safetensors file"),
        (lambda: b"\x08\0\0\0\0\0\0\0[1,2,3] ", "damaged"),
        (lambda: b"just some text, nothing more", "not a safetensors file"),
        (lambda: pickle.dumps({"paint.bias": [0.0] * 3}), "not a safetensors file"),
        (lambda: safetensors.torch.save({"a": torch.zeros(2)}), "not of an Impasto net"),
        (lambda: tampered(version=2), "version 1"),
        (lambda: tampered(config={"width": 4}), "do not fit"),
        (lambda: tampered(config={"width": 99999}), "metadata is damaged"),
        (lambda: tampered(config=None), "metadata is damaged"),
        (lambda: tampered(config={"width": 2, "grain": 65}), "metadata is damaged"),
        (lambda: tampered(config={"width": 2, "grain": "4"}), "metadata is damaged"),
        (lambda: tampered(config={"width": 2, "grain": float("nan")}), "metadata is damaged"),
        (lambda: tampered(stage="three"), "metadata is damaged"),
        (lambda: with_weight("extra", torch.zeros(1).half()), "do not fit"),
        (lambda: with_weight("paint.bias", torch.full((3,), torch.nan).half()), "no finite"),
        (lambda: with_weight("paint.bias", torch.zeros(3, dtype=torch.int32)), "no finite"),
        (lambda: pack(net(), CARD)[:-100], "cannot be read"),
    ],
)
def test_anything_but_a_net_file_is_refused_with_a_reason(
    make: Callable[[], bytes], says: str
) -> None:
    with pytest.raises(NetFileRejected, match=says):
        unpack(make())


@given(cut=st.integers(0, 4000), flip=st.integers(0, 255))
@settings(max_examples=60, deadline=None)
def test_damaged_headers_are_refused_or_harmless(cut: int, flip: int) -> None:
    """No damage surfaces as anything but NetFileRejected."""
    data = bytearray(pack(net(), CARD))
    data[cut % len(data)] ^= flip
    try:
        unpack(bytes(data))
    except NetFileRejected:
        pass


def test_the_card_is_read_without_the_weights() -> None:
    assert read_card(pack(net(), CARD)).ratio == 1.5


def test_a_blend_lies_between_its_nets() -> None:
    a, b = net(1), net(2)
    mixed = blend([(a, 0.25), (b, 0.75)]).state_dict()
    for name, weight in a.state_dict().items():
        torch.testing.assert_close(mixed[name], 0.25 * weight + 0.75 * b.state_dict()[name])


def test_nets_of_unlike_shapes_are_not_blended() -> None:
    with pytest.raises(ValueError, match="one shape"):
        blend([(net(), 0.5), (TransformNet(NetConfig(3, 1)), 0.5)])
