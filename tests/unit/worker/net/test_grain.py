"""The grain: the same noise everywhere, laid on a photo at fixed places."""

import hashlib

import numpy as np
import pytest
import torch

from worker.net import MAX_GRAIN, NetConfig, TransformNet
from worker.net.grain import PERIOD, Pixels, grain_of, grained, laid, noise, paint


def photo(height: int, width: int, seed: int = 0) -> Pixels:
    shape = (height, width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def tensor(rgb: Pixels) -> torch.Tensor:
    return torch.tensor(rgb).permute(2, 0, 1)[None] / 255


@pytest.mark.parametrize(
    ("grain", "sha256"),
    [
        (4.0, "0c3af76b75faa5675931767335dd6052943301a70f1d072937ca18cc14149cba"),
        (2.5, "7bca47ccbc0f6ddffa00bf1f89bc1aa705258d007c1ec88ca137d6eed87a647f"),
    ],
)
def test_every_machine_makes_the_same_noise(grain: float, sha256: str) -> None:
    """Its bytes: paintings of all nets with a grain depend on them."""
    made = hashlib.sha256(noise(grain).astype("<i2").tobytes()).hexdigest()
    assert made == sha256


@pytest.mark.parametrize("grain", [1.0, 4.0, 10.0, MAX_GRAIN])
def test_the_noise_has_the_deviation_that_was_asked_for_and_changes_no_tone(grain: float) -> None:
    made = noise(grain).astype(float)
    assert made.std() == pytest.approx(grain, rel=0.05)
    assert made.mean() == pytest.approx(0, abs=0.01)


def test_the_noise_is_blurred_and_has_no_seam() -> None:
    """Neighbours are alike, also over the border; what lies 15 pixels away has nothing to do."""
    made = noise(10.0).astype(float)

    def alike(step: int, axis: int, rows: slice) -> float:
        pairs = made[rows].ravel(), np.roll(made, step, axis)[rows].ravel()
        return float(np.corrcoef(*pairs)[0, 1])

    for axis in (0, 1):
        assert alike(1, axis, slice(None)) == pytest.approx(0.89, abs=0.02)
        assert alike(15, axis, slice(None)) == pytest.approx(0, abs=0.02)
    assert alike(1, 0, slice(1)) == pytest.approx(0.89, abs=0.05), "the first row and the last"


@pytest.mark.parametrize(
    ("grain", "room"), [(0.2, 0), (4.0, 8), (4.3, 9), (20.0, 40), (MAX_GRAIN, 64)]
)
def test_the_grain_is_added_to_all_channels_alike_within_its_room(grain: float, room: int) -> None:
    """Twice its deviation, up to 64, at either end; what goes beyond is cut off."""
    rgb = photo(90, 70)
    rgb[:40], rgb[40:60] = 0, 255
    before = rgb.copy()
    narrowed = rgb.astype(int) * round(256 * (255 - 2 * room) / 255) // 256 + room
    expected = (narrowed + noise(grain)[:90, :70, None]).clip(0, 255)
    assert np.array_equal(laid(rgb, grain), expected)
    assert np.array_equal(rgb, before)


@pytest.mark.parametrize("tone", [0, 255])
def test_black_and_white_get_all_of_the_grain(tone: int) -> None:
    """Cut off at the end of the range it would be 0.58 of that, and flat in half of the places."""
    flat = laid(np.full((200, 300, 3), tone, np.uint8), 4.0).astype(float)
    assert flat.std() == pytest.approx(4.0, rel=0.1)


def test_a_part_of_a_photo_gets_its_part_of_the_grain() -> None:
    """Also over the border of the noise, and of a part that is no array of its own."""
    rgb = photo(PERIOD + 50, PERIOD + 90)
    whole = laid(rgb, 8.0)
    for rows, columns in (
        (slice(PERIOD - 30, PERIOD + 20), slice(PERIOD - 40, PERIOD + 60)),
        (slice(3, 4), slice(0, PERIOD + 90)),
        (slice(0, PERIOD + 50), slice(7, 8)),
    ):
        part = laid(rgb[rows, columns], 8.0, top=rows.start, left=columns.start)
        assert np.array_equal(part, whole[rows, columns])


def test_without_grain_a_photo_is_left_alone() -> None:
    rgb = photo(5, 4)
    assert laid(rgb, 0.0) is rgb
    batch = tensor(rgb)
    assert grained(batch, 0.0) is batch


def test_tensors_get_the_grain_that_pixels_get() -> None:
    rgb = photo(40, 60)
    at = [(PERIOD - 5, 17), (0, PERIOD - 1)]
    both = grained(tensor(rgb).repeat(2, 1, 1, 1), 30.0, at)
    for made, (top, left) in zip(both, at, strict=True):
        expected = tensor(laid(rgb, 30.0, top=top, left=left))[0]
        torch.testing.assert_close(made, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(grained(tensor(rgb), 30.0), tensor(laid(rgb, 30.0)))


def test_grained_crops_stay_as_they_lie_in_memory() -> None:
    """A compiled step is made for one layout."""
    batch = torch.rand(2, 3, 32, 32).to(memory_format=torch.channels_last)
    assert grained(batch, 4.0).is_contiguous(memory_format=torch.channels_last)


def test_a_net_paints_the_photo_under_its_own_grain() -> None:
    torch.manual_seed(0)
    plain, rough = (TransformNet(NetConfig(2, 1, grain=grain)).train() for grain in (0.0, 20.0))
    rough.load_state_dict(plain.state_dict())
    assert (grain_of(plain), grain_of(rough), grain_of(torch.nn.Identity())) == (0, 20, 0)
    rgb = photo(32, 40)
    assert torch.equal(paint(plain, tensor(rgb)), plain(tensor(rgb)))
    torch.testing.assert_close(paint(rough, tensor(rgb)), plain(tensor(laid(rgb, 20.0))))
    assert not rough.training
    assert not paint(rough, tensor(rgb)).requires_grad


@pytest.mark.parametrize("grain", [-1, 64.5, float("nan"), float("inf")])
def test_a_grain_that_cannot_be_is_refused(grain: float) -> None:
    with pytest.raises(ValueError, match=r"grain must be 0\.\.64"):
        NetConfig(grain=grain)
