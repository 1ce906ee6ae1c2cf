import io

import numpy as np
import pytest
from PIL import Image

from tests import photos
from tests.photos import encoded, faded, scene
from worker.pixels import Photo, PixelLimits, decode, encode, result_name
from worker.pixels.photo import ResultFormat

LIMITS = PixelLimits(max_megapixels=50)
GOOD = photos.good_photos()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("name", GOOD)
def test_result_has_the_size_of_the_upright_photo_and_its_format(name: str) -> None:
    photo = decode(GOOD[name], LIMITS)
    with opened(encode(255 - photo.rgb, photo)) as result:
        assert result.size == (photo.width, photo.height)
        assert result.format == photo.format
        result.load()
        assert "A" not in result.getbands() or photo.alpha is not None


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("JPEG", "JPEG"),
        ("MPO", "JPEG"),
        ("PNG", "PNG"),
        ("WEBP", "WEBP"),
        ("TIFF", "PNG"),
        ("BMP", "PNG"),
        ("GIF", "PNG"),
    ],
)
def test_photo_keeps_its_format_where_that_is_possible(source: str, result: str) -> None:
    assert decode(encoded(scene(), source), LIMITS).format == result


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_result_that_shall_keep_nothing_carries_no_metadata(format: str) -> None:
    """Neither maker, place, time nor profile of the photo goes out with its painting."""
    exif = Image.Exif()
    exif[0x010F] = "A maker's name"
    exif.get_ifd(0x8825)[1] = "N"
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>a place</x:xmpmeta>"
    original = encoded(scene(), format, exif=exif, xmp=xmp, icc_profile=photos.swapped_profile())
    photo = decode(original, LIMITS, "none")
    data = encode(photo.rgb, photo)
    with opened(data) as result:
        assert not result.getexif()
        assert not {"exif", "xmp", "icc_profile", "comment", "photoshop"} & set(result.info)
    assert b"maker" not in data
    assert b"a place" not in data


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_alpha_is_put_back(format: str) -> None:
    photo = decode(
        encoded(faded(), format, **({"lossless": True} if format == "WEBP" else {})), LIMITS
    )
    with opened(encode(photo.rgb, photo)) as result:
        assert np.asarray(result.getchannel("A")).tolist() == np.asarray(photo.alpha).tolist()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_result_shows_the_pixels_it_was_made_of(format: ResultFormat) -> None:
    pixels = np.asarray(scene(160, 120))
    data = encode(pixels, Photo(rgb=pixels, alpha=None, format=format))
    with opened(data) as result:
        shown = np.asarray(result.convert("RGB"), np.float32)
    assert np.abs(shown - pixels).mean() < (0.01 if format == "PNG" else 2)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("colours", ["all", "black and white", "soft"])
def test_a_photo_that_comes_back_as_it_is_keeps_45_decibels(
    format: ResultFormat, colours: str
) -> None:
    """Of noise too, which no encoder foresees; with its transparency, where it has some."""
    random = np.random.default_rng(7)
    pixels = {
        "all": random.integers(0, 256, (96, 130, 3)),
        "black and white": random.integers(0, 2, (96, 130, 3)) * 255,
        "soft": random.normal(128, 20, (96, 130, 3)).clip(0, 255),
    }[colours].astype(np.uint8)
    alpha = pixels[..., 0]
    data = encode(pixels, Photo(rgb=pixels, alpha=alpha, format=format), faithful=True)
    with opened(data) as result:
        shown = np.asarray(result.convert("RGB"), np.float64)
        assert ("A" in result.getbands()) == (format != "JPEG")
    error = np.square(shown - pixels)[alpha > 0].mean()
    assert error <= 255**2 / 10**4.5
    assert (error == 0) == (format in ("PNG", "WEBP"))


def test_result_of_another_size_is_refused() -> None:
    photo = decode(encoded(scene(), "PNG"), LIMITS)
    with pytest.raises(ValueError, match="for a photo of"):
        encode(photo.rgb[:-1], photo)


@pytest.mark.parametrize(
    ("photo", "format", "result"),
    [
        ("a.jpg", "JPEG", "a.jpg"),
        ("A.JPEG", "JPEG", "A.JPEG"),
        ("a.png", "JPEG", "a.jpg"),
        ("a.tiff", "PNG", "a.png"),
        ("stereo.MPO", "JPEG", "stereo.jpg"),
        ("my.photo.gif", "PNG", "my.photo.png"),
        ("photo", "WEBP", "photo.webp"),
        (".jpg", "PNG", ".jpg.png"),
        ("Beach v1.5", "PNG", "Beach v1.5.png"),
        ("Strand, März 5.30 Uhr", "JPEG", "Strand, März 5.30 Uhr.jpg"),
        ("a" * 255, "WEBP", "a" * 250 + ".webp"),
        ("é" * 127, "PNG", "é" * 125 + ".png"),
    ],
)
def test_result_is_named_as_its_photo_with_a_fitting_extension(
    photo: str, format: ResultFormat, result: str
) -> None:
    assert result_name(photo, format) == result
