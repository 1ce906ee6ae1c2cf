"""Photos of every kind become RGB bytes, upright and in sRGB."""

import threading
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from tests import photos
from tests.hostile import tiled_tiff
from tests.photos import encoded, faded, scene
from worker.net import SMALLEST_SIDE
from worker.pixels import Photo, PhotoRejected, PixelLimits, decode
from worker.pixels.formats.structure import jpeg_scans
from worker.pixels.photo import COUNTED_SIDE

LIMITS = PixelLimits(max_megapixels=50)
#: As phones append one to a photo; it happens to hold what begins a scan of a JPEG.
FILM = b"\0\0\0\x18ftypmp42" + b"\xff\xda\0\x08" * 1000
GOOD = photos.good_photos()
HOSTILE = photos.hostile_photos()


@dataclass(frozen=True)
class NotedLimits(PixelLimits):
    """Limits that note each size that they are asked for."""

    sizes: list[tuple[int, int]]

    def check(self, width: int, height: int) -> None:
        self.sizes.append((width, height))
        super().check(width, height)


def difference(photo: Photo, picture: Image.Image) -> float:
    """Mean absolute difference of a photo to a picture, in levels."""
    expected = np.asarray(picture.convert("RGB"), np.float32)
    assert photo.rgb.shape == expected.shape
    return float(np.abs(photo.rgb - expected).mean())


@pytest.mark.parametrize("name", GOOD)
def test_each_kind_of_photo_decodes_to_rgb_bytes_of_its_size(name: str) -> None:
    photo = decode(GOOD[name], LIMITS)
    sizes = {"dot.png": (1, 1), "dot.jpg": (1, 1), "tall.jpg": (37, 911)}
    assert (photo.width, photo.height) == sizes.get(name, (64, 48))
    assert photo.rgb.shape == (photo.height, photo.width, 3)
    assert photo.rgb.dtype == np.uint8
    assert photo.rgb.flags.writeable
    assert photo.alpha is None or photo.alpha.shape == (photo.height, photo.width)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photo_comes_out_upright_whatever_its_orientation(orientation: int, format: str) -> None:
    photo = decode(photos.oriented(orientation, format), LIMITS)
    assert (photo.width, photo.height) == (64, 48)
    assert difference(photo, scene()) < 3


def test_broken_exif_leaves_the_photo_as_it_is() -> None:
    """Pillow warns about it, which here is an error, and the photo is none the worse for it."""
    broken = encoded(scene(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01" * 40)
    assert difference(decode(broken, LIMITS), scene()) < 3


def test_embedded_profile_is_followed() -> None:
    data = encoded(scene(), "PNG", icc_profile=photos.swapped_profile())
    expected = Image.fromarray(np.asarray(scene())[..., [1, 0, 2]])
    assert difference(decode(data, LIMITS), expected) < 2


def test_grey_photo_with_a_profile_for_colours_is_followed_too() -> None:
    grey = scene().convert("L")
    data = encoded(grey, "PNG", icc_profile=photos.swapped_profile())
    assert difference(decode(data, LIMITS), grey) < 25


@pytest.mark.parametrize(
    ("picture", "options", "level"),
    [
        (Image.new("L", (4, 4), 64), {}, 137),
        (Image.new("L", (4, 4), 64), {"transparency": 5}, 137),
        (Image.new("LA", (4, 4), (64, 255)), {}, 137),
        (Image.new("LA", (4, 4), (64, 128)), {}, 196),
        (Image.new("RGBA", (4, 4), (64, 64, 64, 255)), {}, 64),
        (Image.new("L", (4, 4), 64).convert("P"), {"transparency": 5}, 64),
    ],
)
def test_profile_for_grey_is_followed_where_the_photo_is_grey(
    picture: Image.Image, options: dict[str, int], level: int
) -> None:
    """Transparent or not; half of what is half transparent is the white behind it."""
    data = encoded(picture, "PNG", icc_profile=photos.linear_grey_profile(), **options)
    assert decode(data, LIMITS).rgb[0, 0].tolist() == [level] * 3


@pytest.mark.parametrize("profile", [b"no profile", photos.red_cyan_profile(), b"\0" * 300])
def test_profile_that_cannot_be_followed_is_ignored(profile: bytes) -> None:
    data = encoded(scene(), "PNG", icc_profile=profile)
    assert difference(decode(data, LIMITS), scene()) == 0


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_inks_are_mixed_as_their_profile_says(format: str) -> None:
    """In this profile cyan ink is red, which no plain conversion would make of it."""
    cyan = Image.new("CMYK", (64, 48), (255, 0, 0, 0))
    plain = decode(encoded(cyan, format), LIMITS).rgb[20, 20]
    profiled = encoded(cyan, format, icc_profile=photos.red_cyan_profile())
    followed = decode(profiled, LIMITS).rgb[20, 20]
    assert plain[0] < 60 < 180 < plain[2]
    assert followed[0] > 180 > 100 > followed[2]


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_not_clipped(format: str) -> None:
    row = decode(photos.deep_grey(format), LIMITS).rgb[0, :, 0]
    ramp = np.linspace(0, 255, 64)
    assert np.abs(row - ramp).max() <= 1


def test_sixteen_bit_colours_are_scaled_and_not_clipped() -> None:
    assert difference(decode(photos.deep_colour_png(), LIMITS), scene()) < 1


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-5.0, 5.0), (0.0, 4000.0), (-3e38, 3e38)])
def test_floats_of_any_range_fill_the_bytes(low: float, high: float) -> None:
    ramp = np.broadcast_to(np.linspace(low, high, 64, dtype=np.float32)[None], (8, 64)).copy()
    row = decode(encoded(Image.fromarray(ramp), "TIFF"), LIMITS).rgb[0, :, 0]
    assert np.abs(row - np.linspace(0, 255, 64)).max() <= 1


def test_not_a_number_is_black() -> None:
    samples = np.full((8, 8), 0.5, np.float32)
    samples[0, 0] = np.nan
    photo = decode(encoded(Image.fromarray(samples), "TIFF"), LIMITS)
    assert photo.rgb[0, 0, 0] == 0
    assert photo.rgb[4, 4, 0] == 128


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_clear_parts_are_white_and_the_alpha_is_kept(format: str) -> None:
    lossless = {"lossless": True, "exact": True} if format == "WEBP" else {}
    photo = decode(encoded(faded(), format, **lossless), LIMITS)
    assert photo.alpha is not None
    assert photo.alpha[0].tolist() == np.asarray(faded())[0, :, 3].tolist()
    assert photo.rgb[10, 0].tolist() == [255, 255, 255]
    assert photo.rgb[-1, -1].tolist() == [235, 235, 90]


def test_transparent_colour_of_a_palette_becomes_alpha() -> None:
    photo = decode(photos.palette_picture(clear=True), LIMITS)
    assert photo.alpha is not None
    assert photo.alpha[0, 0] == 0
    assert photo.alpha[-1, -1] == 255


@pytest.mark.parametrize("bits", [8, 16])
def test_transparent_value_of_a_grey_photo_becomes_alpha(bits: int) -> None:
    ramp = np.arange(64, dtype=np.uint8 if bits == 8 else np.uint16) * (4 if bits == 8 else 1024)
    picture = Image.fromarray(np.broadcast_to(ramp[None], (8, 64)).copy())
    photo = decode(encoded(picture, "PNG", transparency=int(ramp[5])), LIMITS)
    assert photo.alpha is not None
    assert np.flatnonzero(photo.alpha[0] == 0).tolist() == [5]


def test_sixteen_bit_colours_with_a_transparent_one_decode() -> None:
    """Pillow keeps that colour in 16 bits beside picture data of 8."""
    plain = photos.deep_colour_png()
    chunk = photos.png_chunk(b"tRNS", b"\xff\xff\x00\x00\xff\xff")
    photo = decode(plain[:33] + chunk + plain[33:], LIMITS)
    assert difference(photo, scene()) < 1


def test_opaque_alpha_is_dropped() -> None:
    picture = scene()
    picture.putalpha(255)
    assert decode(encoded(picture, "PNG"), LIMITS).alpha is None


def test_first_picture_of_several_counts() -> None:
    assert difference(decode(photos.two_pictures_mpo(), LIMITS), scene()) < 3
    pages = encoded(scene(), "TIFF", save_all=True, append_images=[Image.new("RGB", (5, 5))])
    assert difference(decode(pages, LIMITS), scene()) == 0


@pytest.mark.parametrize("name", ["plain.jpg", "progressive.jpeg", "stereo.mpo", "plain.png"])
@pytest.mark.parametrize("behind", [bytes(64), FILM], ids=["zeros", "film"])
def test_what_lies_behind_a_photo_does_not_matter(name: str, behind: bytes) -> None:
    assert difference(decode(GOOD[name] + behind, LIMITS), scene()) < 3


def test_what_a_jpeg_says_of_itself_holds_no_scans() -> None:
    data = encoded(scene(), "JPEG", comment=FILM)
    assert FILM in data
    assert difference(decode(data, LIMITS), scene()) < 3


@pytest.mark.parametrize("between", [b"", b"garbage\xff\0", b"\xff" * 9, b"\xff\x02\xff\xd8"])
def test_every_scan_up_to_the_end_is_counted_whatever_lies_between(between: bytes) -> None:
    """libjpeg passes over such things, some of them only where it looks for a restart."""
    data = photos.many_scans_jpeg(1000).replace(b"\xff\xda", between + b"\xff\xda")
    assert jpeg_scans(data + FILM) == 1010


def test_tiff_that_begins_with_a_thumbnail_is_not_taken_for_the_photo() -> None:
    raw = encoded(scene(), "TIFF", tiffinfo={254: 1})
    with pytest.raises(PhotoRejected, match="raw file"):
        decode(raw, LIMITS)


def test_a_line_counts_as_what_nets_make_of_it() -> None:
    """They extend each side to 16 pixels, so that a file of 6 kB would take 32 GB of disk."""
    assert COUNTED_SIDE == SMALLEST_SIDE
    limits = PixelLimits(max_megapixels=16 * 1000 / 1e6)
    for size in ((1000, 1), (16, 1000)):
        assert decode(encoded(scene(*size), "PNG"), limits).rgb.size == 3 * size[0] * size[1]
    with pytest.raises(PhotoRejected) as rejected:
        decode(encoded(scene(1001, 1), "PNG"), limits)
    assert rejected.value.type == "photo-too-large"


def test_a_tile_larger_than_its_photo_counts() -> None:
    """libtiff takes the memory of whole tiles: 1.2 GB for a file of 37 kB."""
    limits = PixelLimits(max_megapixels=1)
    with pytest.raises(PhotoRejected) as rejected:
        decode(tiled_tiff(1, 1, tile=1024), limits)
    assert rejected.value.type == "photo-too-large"
    noted = NotedLimits(max_megapixels=1, sizes=[])
    decode(tiled_tiff(1, 1, tile=512), noted)
    assert noted.sizes == [(512, 512)], "what memory is kept for"


def test_limit_is_the_number_of_pixels() -> None:
    limits = PixelLimits(max_megapixels=64 * 48 / 1e6)
    assert decode(encoded(scene(64, 48), "PNG"), limits).width == 64
    with pytest.raises(PhotoRejected) as rejected:
        decode(encoded(scene(64, 49), "PNG"), limits)
    assert rejected.value.type == "photo-too-large"
    assert "64×49" in rejected.value.detail


def test_overlapping_decodes_leave_the_filters_of_warnings_as_they_were() -> None:
    before = list(warnings.filters)
    broken = encoded(scene(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01" * 40)
    errors: list[Exception] = []

    def work() -> None:
        try:
            for _ in range(20):
                decode(broken, LIMITS)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert list(warnings.filters) == before
