"""Files that hold several pictures: one is painted, and the note says how many there are."""

import io

import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image

from tests.photos import encoded, scene
from worker.pixels import Photo, PixelLimits, decode

LIMITS = PixelLimits(max_megapixels=50)
FIRST, SECOND = scene(96, 64), scene(64, 96).transpose(Image.Transpose.ROTATE_180)


def tiff(*pages: Image.Image, depth: int = 8, kinds: tuple[int, ...] = ()) -> bytes:
    """A TIFF of so many pages, each of a kind (NewSubfileType)."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for number, page in enumerate(pages):
            samples = np.asarray(page)
            samples = samples if depth == 8 else samples.astype(np.uint16) * 257
            kind = kinds[number] if kinds else 0
            writer.write(samples, photometric="rgb", subfiletype=kind, metadata=None)
    return file.getvalue()


def mpo(second: bytes = b"\0\0\0") -> bytes:
    """Two JPEGs in one file; the three bytes are the second one's type."""
    data = encoded(FIRST, "MPO", save_all=True, append_images=[SECOND])
    directory = data.index(b"MPF\0") + 4
    entry = directory + int.from_bytes(data[directory + 42 : directory + 46], "little") + 16
    return data[:entry] + second + data[entry + 3 :]


def heic(*pictures: Image.Image) -> bytes:
    file = io.BytesIO()
    heif = pillow_heif.from_pillow(pictures[0])
    for picture in pictures[1:]:
        heif.add_from_pillow(picture)
    heif.save(file, quality=-1, chroma=444)
    return file.getvalue()


def difference(photo: Photo, picture: Image.Image) -> int:
    expected = np.asarray(picture).astype(int)
    assert photo.rgb.shape == expected.shape
    return int(np.abs(photo.rgb.astype(int) - expected).max())


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize(("count", "told"), [(2, "2"), (3, "3"), (101, "more than 100")])
def test_first_page_of_a_tiff_is_painted_and_the_note_says_so(
    depth: int, count: int, told: str
) -> None:
    photo = decode(tiff(FIRST, *[SECOND] * (count - 1), depth=depth), LIMITS)
    assert photo.note == f"The file holds {told} pages; the first is painted."
    assert difference(photo, FIRST) <= 1


@pytest.mark.parametrize("depth", [8, 16])
def test_smaller_copies_of_a_page_are_none(depth: int) -> None:
    data = tiff(FIRST, SECOND, SECOND, depth=depth, kinds=(0, 1, 1))
    assert decode(data, LIMITS).note is None


def test_second_picture_of_an_mpo_is_reported() -> None:
    photo = decode(mpo(), LIMITS)
    assert photo.note == "The file holds 2 pictures; the first is painted."
    assert photo.rgb.shape == (64, 96, 3)


def test_thumbnail_and_gain_map_of_an_mpo_are_no_pictures() -> None:
    assert decode(mpo(b"\1\0\1"), LIMITS).note is None
    gain_map = mpo() + b'<rdf:Description xmlns:x="..." hdrgm:Version="1.0"/>'
    assert decode(gain_map, LIMITS).note is None


def test_main_picture_of_a_heic_with_several_is_painted() -> None:
    photo = decode(heic(FIRST, SECOND, SECOND), LIMITS)
    assert photo.note == "The file holds 3 pictures; its main one is painted."
    assert difference(photo, FIRST) <= 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
def test_file_of_one_picture_has_no_note(kind: str) -> None:
    assert decode(encoded(FIRST, kind), LIMITS).note is None


def test_heic_of_one_picture_has_no_note() -> None:
    assert decode(heic(FIRST), LIMITS).note is None


def test_a_chain_of_pages_that_leads_back_is_counted_once() -> None:
    data = bytearray(tiff(FIRST, SECOND))
    file = tifffile.TiffFile(io.BytesIO(bytes(data)))
    last = file.pages[1].offset
    entries = int.from_bytes(data[last : last + 2], "little")
    at = last + 2 + entries * 12
    data[at : at + 4] = file.pages[0].offset.to_bytes(4, "little")
    photo = decode(bytes(data), LIMITS)
    assert photo.note == "The file holds 2 pages; the first is painted."
