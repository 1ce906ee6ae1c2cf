"""Files that are cut, changed or nothing but noise: what escapes is a PhotoRejected alone."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import photos
from tests.photos import encoded, scene
from worker.pixels import PhotoRejected, PixelLimits, decode

LIMITS = PixelLimits(max_megapixels=50)
GOOD = photos.good_photos()
HOSTILE = photos.hostile_photos()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_turned_away_with_its_reason(name: str) -> None:
    with pytest.raises(PhotoRejected) as rejected:
        decode(HOSTILE[name].data, LIMITS)
    assert rejected.value.type == HOSTILE[name].reason
    assert rejected.value.detail.endswith(".")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_photo_cut_anywhere_is_turned_away_or_whole(format: str) -> None:
    """Whatever is missing, only PhotoRejected escapes; and it says that the file is cut."""
    whole = encoded(scene(120, 90), format)
    types: list[str] = []
    for end in range(0, len(whole), 97):
        try:
            decode(whole[:end], LIMITS)
        except PhotoRejected as rejected:
            types.append(rejected.type)
    assert types[0] == "photo-empty"
    assert set(types[1:]) <= {"truncated-photo", "not-an-image"}


@pytest.mark.parametrize("name", sorted(GOOD))
def test_every_kind_cut_anywhere_raises_nothing_but_its_rejection(name: str) -> None:
    whole = GOOD[name]
    for end in range(1, len(whole), 97):
        decode_or_reject(whole[:end])


@settings(deadline=None, max_examples=300)
@given(name=st.sampled_from(sorted(GOOD)), seed=st.integers(0, 2**32), flips=st.integers(1, 40))
def test_flipped_bytes_raise_nothing_but_a_rejection(name: str, seed: int, flips: int) -> None:
    chance = random.Random(seed)
    data = bytearray(GOOD[name])
    # Headers are short and matter most, so half of the flips go there.
    for number in range(flips):
        end = len(data) if number % 2 else min(len(data), 600)
        data[chance.randrange(end)] = chance.randrange(256)
    decode_or_reject(bytes(data))


@settings(deadline=None, max_examples=200)
@given(
    head=st.sampled_from([data[:40] for data in GOOD.values()] + [b""]),
    tail=st.binary(max_size=400),
)
def test_noise_behind_a_real_header_raises_nothing_but_a_rejection(
    head: bytes, tail: bytes
) -> None:
    decode_or_reject(head + tail)


def decode_or_reject(data: bytes) -> None:
    try:
        photo = decode(data, PixelLimits(max_megapixels=5))
    except PhotoRejected:
        return
    assert photo.rgb.ndim == 3
