"""HEIC and AVIF, which phones send: pixels as their own libraries have them, turned once."""

import io

import numpy as np
import pi_heif
import pillow_heif
import pytest
from PIL import Image
from pillow_heif.constants import HeifCompressionFormat
from pillow_heif.misc import CtxEncode

from tests.photos import encoded, scene
from worker.pixels import Photo, PhotoRejected, PixelLimits, decode
from worker.pixels.photo import Pixels

LIMITS = PixelLimits(max_megapixels=50)
WIDE = scene(96, 64)
#: How an upright picture is stored, for each orientation that turns it upright again.
STORED = {
    1: WIDE,
    2: WIDE.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: WIDE.transpose(Image.Transpose.ROTATE_180),
    4: WIDE.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: WIDE.transpose(Image.Transpose.TRANSPOSE),
    6: WIDE.transpose(Image.Transpose.ROTATE_90),
    7: WIDE.transpose(Image.Transpose.TRANSVERSE),
    8: WIDE.transpose(Image.Transpose.ROTATE_270),
}


def exif(orientation: int) -> bytes:
    made = Image.Exif()
    made[0x0112] = orientation
    return made.tobytes()


def nclx(primaries: int, transfer: int, matrix: int) -> dict[str, int]:
    """Colour by codes, as the encoder takes them."""
    return {
        "color_primaries": primaries,
        "transfer_characteristics": transfer,
        "matrix_coefficients": matrix,
        "full_range_flag": 1,
    }


def heic(
    picture: Image.Image,
    *,
    orientation: int = 1,
    exif: bytes | None = None,
    colour: dict[str, int] | None = None,
) -> bytes:
    """A HEIC file; `orientation` is the container's, `exif` a block beside it."""
    image = pillow_heif.from_pillow(picture)[0]
    encoder = CtxEncode(HeifCompressionFormat.HEVC, quality=-1, chroma=444)
    encoder.add_image(
        *(image.size, image.mode, image.data),
        image_orientation=orientation,
        exif=exif,
        primary=True,
        stride=image.stride,
        **({"save_nclx_profile": True} | colour if colour else {}),
    )
    file = io.BytesIO()
    encoder.save(file)
    return file.getvalue()


def difference(photo: Photo, expected: Pixels) -> int:
    assert photo.rgb.shape == expected.shape
    return int(np.abs(photo.rgb.astype(int) - expected.astype(int)).max())


def libheifs_own(data: bytes) -> Pixels:
    return np.asarray(pi_heif.open_heif(io.BytesIO(data)).to_pillow().convert("RGB"))


def test_the_pixels_are_libheifs_own() -> None:
    data = heic(WIDE)
    photo = decode(data, LIMITS)
    assert photo.format == "JPEG"
    assert difference(photo, libheifs_own(data)) <= 2
    assert difference(photo, np.asarray(WIDE)) <= 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("way", ["container", "exif", "both"])
def test_a_heic_photo_is_turned_exactly_once(orientation: int, way: str) -> None:
    data = heic(
        STORED[orientation],
        orientation=1 if way == "exif" else orientation,
        exif=None if way == "container" else exif(orientation),
    )
    assert difference(decode(data, LIMITS), np.asarray(WIDE)) <= 4


@pytest.mark.parametrize("bits", [10, 12])
def test_deep_heic_photos_come_out_at_eight_bits(bits: int) -> None:
    deep = np.asarray(WIDE).astype(np.uint16) * 257
    file = io.BytesIO()
    made = pillow_heif.from_bytes("RGB;16", WIDE.size, deep.tobytes())
    pillow_heif.options.SAVE_HDR_TO_12_BIT = bits == 12
    try:
        made.save(file, quality=-1, chroma=444)
    finally:
        pillow_heif.options.SAVE_HDR_TO_12_BIT = False
    assert pi_heif.open_heif(io.BytesIO(file.getvalue())).info["bit_depth"] == bits
    assert difference(decode(file.getvalue(), LIMITS), np.asarray(WIDE)) <= 4


def test_a_grid_of_tiles_is_one_picture() -> None:
    picture = scene(300, 200)
    file = io.BytesIO()
    pillow_heif.from_pillow(picture).save(file, quality=-1, chroma=444, tile_size=64)
    assert b"grid" in file.getvalue()[:2000]
    assert difference(decode(file.getvalue(), LIMITS), np.asarray(picture)) <= 4


def test_wide_colours_are_brought_to_srgb() -> None:
    """Display P3 by codes: the value is reckoned from its primaries, without a colour library."""
    flat = Image.new("RGB", (96, 64), (200, 100, 50))
    data = heic(flat, colour=nclx(12, 13, 6))
    found = decode(data, LIMITS).rgb[32, 48].astype(int)
    assert np.abs(found - (215, 93, 31)).max() <= 3


@pytest.mark.parametrize("transfer", [16, 18])
def test_high_dynamic_range_of_phones_is_refused(transfer: int) -> None:
    data = heic(WIDE, colour=nclx(9, transfer, 9))
    with pytest.raises(PhotoRejected, match="high dynamic range"):
        decode(data, LIMITS)


def test_a_transparent_heic_lies_on_white() -> None:
    picture = scene(96, 64)
    picture.putalpha(Image.new("L", picture.size, 0))
    assert decode(heic(picture), LIMITS).rgb.min() >= 250


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_photo_is_turned_exactly_once(orientation: int) -> None:
    data = encoded(
        STORED[orientation], "AVIF", quality=100, subsampling="4:4:4", exif=exif(orientation)
    )
    photo = decode(data, LIMITS)
    assert photo.format == "JPEG"
    assert difference(photo, np.asarray(WIDE)) <= 4


def test_an_avif_animation_is_refused() -> None:
    data = encoded(WIDE, "AVIF", save_all=True, append_images=[WIDE.rotate(180)])
    with pytest.raises(PhotoRejected) as refused:
        decode(data, LIMITS)
    assert refused.value.type == "animated-photo"


@pytest.mark.parametrize("data", [heic(WIDE), encoded(WIDE, "AVIF")], ids=["heic", "avif"])
def test_a_photo_of_a_phone_that_was_cut_off_is_refused(data: bytes) -> None:
    for tenth in range(1, 10):
        with pytest.raises(PhotoRejected) as refused:
            decode(data[: len(data) * tenth // 10], LIMITS)
        assert refused.value.type in ("truncated-photo", "photo-unreadable", "not-an-image")


def test_too_large_a_photo_of_a_phone_is_refused_before_it_is_decoded() -> None:
    small = PixelLimits(max_megapixels=0.001)
    for data in (heic(WIDE), encoded(WIDE, "AVIF")):
        with pytest.raises(PhotoRejected) as refused:
            decode(data, small)
        assert refused.value.type == "photo-too-large"
