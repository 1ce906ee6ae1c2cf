"""Quick styles: a vector over a shared backbone, in a file of its own kind."""

import json
import pickle
from collections.abc import Callable
from dataclasses import replace

import pytest
import safetensors.torch
import torch

from worker.net import NetConfig, TransformNet
from worker.net.affine import (
    FORMAT,
    Affine,
    AffineCard,
    apply,
    is_affine,
    is_norm_weight,
    mix,
    norm_sizes,
    pack_affine,
    rounded,
    take_affine,
    unpack_affine,
)
from worker.net.netfile import NetCard, NetFileRejected, pack, unpack

CONFIG = NetConfig(width=2, residual_blocks=1)
BACKBONE = "ab" * 32
CARD = AffineCard("waves", 2, 1.5, {"licence": "CC0"})


def affine(seed: int = 0, config: NetConfig = CONFIG, backbone: str = BACKBONE) -> Affine:
    torch.manual_seed(seed)
    return Affine(config, backbone, torch.randn(sum(norm_sizes(config).values())))


def backbone() -> TransformNet:
    torch.manual_seed(7)
    return TransformNet(CONFIG)


def tampered(**changes: object) -> bytes:
    """An affine file whose metadata says something else."""
    original = pack_affine(affine(), CARD)
    length = int.from_bytes(original[:8], "little")
    described = json.loads(json.loads(original[8 : 8 + length])["__metadata__"][FORMAT])
    weights = safetensors.torch.load(original)
    return safetensors.torch.save(weights, {FORMAT: json.dumps({**described, **changes})})


def with_norm(name: str, values: torch.Tensor) -> bytes:
    original = pack_affine(affine(), CARD)
    length = int.from_bytes(original[:8], "little")
    metadata = json.loads(original[8 : 8 + length])["__metadata__"]
    return safetensors.torch.save({**safetensors.torch.load(original), name: values}, metadata)


def test_a_light_net_has_1600_norm_numbers_and_a_file_of_kilobytes() -> None:
    light = NetConfig(width=16)
    assert sum(norm_sizes(light).values()) == 1600
    assert len(pack_affine(affine(config=light), CARD)) < 8_000


def test_a_packed_affine_comes_back_rounded_with_its_card() -> None:
    packed = affine()
    loaded, card = unpack_affine(pack_affine(packed, CARD))
    assert card == CARD
    assert (loaded.config, loaded.backbone) == (CONFIG, BACKBONE)
    assert torch.equal(loaded.values, rounded(packed).values)
    assert pack_affine(loaded, card) == pack_affine(packed, CARD)


def test_an_affine_names_the_grain_of_its_backbone() -> None:
    """So that neither is ever painted with another's; without a grain its file names none."""
    assert b"grain" not in pack_affine(affine(), CARD)
    rough = replace(CONFIG, grain=4.0)
    loaded, _ = unpack_affine(pack_affine(affine(config=rough), CARD))
    assert loaded.config == rough
    with pytest.raises(ValueError, match="does not fit"):
        apply(backbone(), loaded)
    assert apply(TransformNet(rough), loaded).config.grain == 4.0


def test_what_was_taken_from_a_net_makes_the_same_net_again() -> None:
    net = backbone()
    taken = take_affine(net, BACKBONE)
    again = apply(net, taken)
    for name, weight in net.state_dict().items():
        assert torch.equal(again.state_dict()[name], weight)


def test_an_applied_affine_shares_convolutions_and_leaves_the_backbone_alone() -> None:
    net = backbone()
    before = {name: weight.clone() for name, weight in net.state_dict().items()}
    applied = apply(net, affine())
    for name, weight in applied.named_parameters():
        mine = dict(net.named_parameters())[name]
        assert (weight is mine) != is_norm_weight(name)
        assert torch.equal(mine, before[name])
    assert torch.equal(take_affine(applied, BACKBONE).values, affine().values)


def test_norm_weights_are_all_that_is_not_a_convolution() -> None:
    convolutions = [n for n in TransformNet(CONFIG).state_dict() if not is_norm_weight(n)]
    assert all(".conv." in name or name.startswith("paint.") for name in convolutions)


def test_a_mix_lies_between_its_affines() -> None:
    a, b = affine(1), affine(2)
    torch.testing.assert_close(
        mix([(a, 0.25), (b, 0.75)]).values, 0.25 * a.values + 0.75 * b.values
    )


def test_affines_over_different_backbones_are_not_mixed() -> None:
    with pytest.raises(ValueError, match="one backbone"):
        mix([(affine(), 0.5), (affine(backbone="cd" * 32), 0.5)])


def test_an_affine_fits_only_its_own_shape() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        apply(TransformNet(NetConfig(3, 1)), affine())


def test_kinds_of_files_are_distinguished() -> None:
    net = pack(backbone(), NetCard(CONFIG, "waves", 0, 1.0))
    assert is_affine(pack_affine(affine(), CARD))
    assert not is_affine(net)
    with pytest.raises(NetFileRejected, match="not of an Impasto net"):
        unpack(pack_affine(affine(), CARD))
    with pytest.raises(NetFileRejected, match="impasto-affine"):
        unpack_affine(net)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: b"", "not a safetensors file"),
        (lambda: pickle.dumps([0.0]), "not a safetensors file"),
        (lambda: tampered(version=2), "version 1"),
        (lambda: tampered(config={"width": 4}), "do not fit"),
        (lambda: tampered(config={"width": 99999}), "metadata is damaged"),
        (lambda: tampered(backbone=None), "names no backbone"),
        (lambda: tampered(backbone="../secrets"), "names no backbone"),
        (lambda: tampered(stage="three"), "metadata is damaged"),
        (lambda: with_norm("extra", torch.zeros(1).half()), "do not fit"),
        (lambda: with_norm("down.0.norm.scale", torch.zeros(2, 1).half()), "do not fit"),
        (lambda: with_norm("down.0.norm.scale", torch.full((2,), torch.inf)), "no finite"),
        (lambda: pack_affine(affine(), CARD)[:-9], "cannot be read"),
    ],
)
def test_anything_but_an_affine_file_is_refused_with_a_reason(
    make: Callable[[], bytes], says: str
) -> None:
    with pytest.raises(NetFileRejected, match=says):
        unpack_affine(make())
