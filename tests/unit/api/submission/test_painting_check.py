"""A painting that cannot be learned from is refused when it is sent, and its file is named."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from api.submission.painting_check import HEADER_BYTES, painting_fault, picture_size
from tests.fakes.services import World
from tests.photos import scene
from tests.unit.api.requests import problem
from tests.unit.api.trainings import submit_stored, submit_training


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:  # noqa: ANN401
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def phone_jpeg(picture: Image.Image) -> bytes:
    """With Exif data and a profile before the size, as cameras write them."""
    return saved(picture, "JPEG", exif=b"Exif\0\0" + bytes(50_000), icc_profile=bytes(60_000))


ENCODERS: dict[str, Callable[[Image.Image], bytes]] = {
    "jpeg": lambda p: saved(p, "JPEG"),
    "progressive": lambda p: saved(p, "JPEG", progressive=True),
    "phone": phone_jpeg,
    "png": lambda p: saved(p, "PNG"),
    "gif": lambda p: saved(p, "GIF"),
    "webp lossy": lambda p: saved(p, "WEBP"),
    "webp alpha": lambda p: saved(p.convert("RGBA").rotate(5), "WEBP"),
}
#: Kinds whose size does not stand in front.
SIZELESS: dict[str, Callable[[Image.Image], bytes]] = {
    "tiff": lambda p: saved(p, "TIFF"),
    "bmp": lambda p: saved(p, "BMP"),
    "webp lossless": lambda p: saved(p, "WEBP", lossless=True),
    "avif": lambda p: saved(p, "AVIF"),
}


@pytest.mark.parametrize("kind", ENCODERS)
def test_the_size_is_read_from_the_header(kind: str) -> None:
    data = ENCODERS[kind](scene(120, 70))[:HEADER_BYTES]
    assert picture_size(data) == (120, 70)
    assert painting_fault(data, 50) is None


@pytest.mark.parametrize("kind", SIZELESS)
def test_what_has_no_size_in_front_is_let_through(kind: str) -> None:
    assert painting_fault(SIZELESS[kind](scene(120, 70)), 50) is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"%PDF-1.7\n", "no picture of a known kind; send JPEG"),
        (b"\0\0\0\x18ftypmp42", "no picture of a known kind"),
        (b"oil on canvas", "no picture of a known kind"),
        (b"BMW.txt is no picture", "no picture of a known kind"),
        (saved(scene(300, 63), "PNG"), "300×63 pixels; the short side must have at least 64"),
        (saved(scene(70, 700), "JPEG"), "one side is over 8 times the other"),
        (saved(scene(1200, 1000), "PNG"), "at most 1 megapixels"),
    ],
)
def test_what_cannot_be_learned_from_is_reported(data: bytes, words: str) -> None:
    fault = painting_fault(data, 1.0)
    assert fault is not None
    assert words in fault


@pytest.mark.parametrize("length", range(0, 60, 3))
@pytest.mark.parametrize("kind", ["jpeg", "webp lossy", "png", "gif"])
def test_a_file_that_breaks_off_is_left_to_the_trainer(kind: str, length: int) -> None:
    data = ENCODERS[kind](scene(120, 70))[:length]
    assert picture_size(data) in (None, (120, 70))


def test_an_upload_is_refused_and_leaves_nothing(client: FlaskClient, world: World) -> None:
    before = set(world.objects.objects)
    small = (io.BytesIO(saved(scene(40, 30), "PNG")), "Tiny Night.png")
    details = problem(submit_training(client, painting=small), 422)
    assert details["errors"][0]["pointer"] == "/painting"
    assert "'Tiny Night.png' has 40×30 pixels" in details["detail"]
    assert set(world.objects.objects) == before


def test_a_stored_painting_is_refused_by_its_key(client: FlaskClient, world: World) -> None:
    world.objects.put("paintings/night.jpg", b"%PDF-1.7 a catalogue")
    details = problem(submit_stored(client), 422)
    assert details["errors"][0]["pointer"] == "/painting/key"
    assert "'paintings/night.jpg' is no picture of a known kind" in details["detail"]
