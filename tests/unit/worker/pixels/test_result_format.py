"""The format that an album asks for, for photos of every kind."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from infra.jobs.formats import FormatChoice, ResultFormat
from tests.photos import encoded, faded, scene
from worker.pixels import Photo, PixelLimits, decode, encode, result_name
from worker.pixels.result_format import in_format

LIMITS = PixelLimits(max_megapixels=50)


def asked(data: bytes, choice: FormatChoice) -> Photo:
    return in_format(decode(data, LIMITS), choice, data)


@pytest.mark.parametrize(
    ("kind", "auto", "own"),
    [
        ("JPEG", "JPEG", "JPEG"),
        ("PNG", "PNG", "PNG"),
        ("WEBP", "WEBP", "WEBP"),
        ("AVIF", "JPEG", "AVIF"),
        ("TIFF", "PNG", "PNG"),
        ("BMP", "PNG", "PNG"),
        ("GIF", "PNG", "PNG"),
    ],
)
def test_auto_and_own_differ_for_avif_alone(
    kind: str, auto: ResultFormat, own: ResultFormat
) -> None:
    data = encoded(scene(), kind)
    assert asked(data, "auto").format == auto
    assert asked(data, "own").format == own


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("choice", ["jpeg", "png", "webp", "avif"])
def test_one_format_for_all_is_what_the_results_are(kind: str, choice: FormatChoice) -> None:
    photo = asked(encoded(scene(), kind), choice)
    made = Image.open(io.BytesIO(encode(photo.rgb, photo)))
    assert made.format == choice.upper()
    difference = np.abs(np.asarray(made.convert("RGB")).astype(int) - photo.rgb).max()
    assert difference <= 20
    assert made.size == (64, 48)


@pytest.mark.parametrize(
    ("choice", "kept"), [("png", True), ("webp", True), ("avif", True), ("jpeg", False)]
)
def test_transparency_stays_where_the_format_has_it(choice: FormatChoice, kept: bool) -> None:
    photo = asked(encoded(faded(), "PNG"), choice)
    made = Image.open(io.BytesIO(encode(photo.rgb, photo)))
    assert (made.mode == "RGBA") == kept


def test_a_result_too_long_for_the_format_keeps_its_own_and_says_so() -> None:
    long = replace(decode(encoded(scene(), "JPEG"), LIMITS), rgb=np.zeros((16, 20_000, 3), "u1"))
    photo = in_format(long, "webp", b"")
    assert photo.format == "JPEG"
    assert photo.note == (
        "A side is longer than the 16,383 pixels that WEBP has room for, so the result is JPEG."
    )
    assert in_format(long, "avif", b"").format == "AVIF"


def test_a_result_in_avif_has_the_photos_stem() -> None:
    assert result_name("beach.avif", "AVIF") == "beach.avif"
    assert result_name("beach.heic", "AVIF") == "beach.avif"
    assert result_name("beach.AVIF", "JPEG") == "beach.jpg"
