"""Names of photos and of their results: unique in the album, and whose own name fits keeps it."""

import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.submission.naming import PlannedName, plan_names, safe_path
from worker.pixels import result_name
from worker.pixels.photo import ResultFormat

FORMATS: Sequence[ResultFormat] = ("JPEG", "PNG", "WEBP", "AVIF")


def results(album: dict[str, ResultFormat]) -> list[str]:
    """Return what comes of files, each by the format of its result."""
    planned = plan_names([safe_path(name) for name in album])
    return [_result(one, kind) for one, kind in zip(planned, album.values(), strict=True)]


def _result(planned: PlannedName, kind: ResultFormat) -> str:
    return result_name(planned.own, kind, planned.stem)


@pytest.mark.parametrize(
    ("album", "expected"),
    [
        ({"a.bmp": "PNG", "a.png": "PNG", "a.tif": "PNG"}, ["a-2.png", "a.png", "a-3.png"]),
        ({"a.bmp": "PNG", "a.tif": "PNG"}, ["a.png", "a-2.png"]),
        ({"IMG_1.HEIC": "JPEG", "IMG_1.JPG": "JPEG"}, ["IMG_1-2.jpg", "IMG_1.JPG"]),
        ({"IMG_1.MOV": "PNG", "IMG_1.HEIC": "JPEG"}, ["IMG_1-2.png", "IMG_1.jpg"]),
        ({"a.gif": "PNG", "A.PNG": "PNG"}, ["a-2.png", "A.PNG"]),
        ({"a.bmp": "PNG", "a-2.png": "PNG", "a.png": "PNG"}, ["a-3.png", "a-2.png", "a.png"]),
        ({"a.jpg": "PNG", "a.png": "JPEG"}, ["a-2.png", "a-3.jpg"]),
        ({"a.jpg": "PNG"}, ["a.png"]),
        ({"b/a.bmp": "PNG", "c/a.png": "PNG"}, ["b/a.png", "c/a.png"]),
        ({"b/a.bmp": "PNG", "b/a.png": "PNG"}, ["b/a-2.png", "b/a.png"]),
        ({"a.jpg": "JPEG", "a.jpg/b.jpg": "JPEG"}, ["a-2.jpg", "a.jpg/b.jpg"]),
        ({"Strand 5.30": "JPEG", "photo": "WEBP"}, ["Strand 5.30.jpg", "photo.webp"]),
    ],
)
def test_photo_whose_own_name_fits_keeps_it(
    album: dict[str, ResultFormat], expected: list[str]
) -> None:
    assert results(album) == expected


def test_later_photo_keeps_the_name_that_a_number_would_give() -> None:
    planned = plan_names(["a.jpg", "A.jpg", "a-2.jpg"])
    assert [one.own for one in planned] == ["a.jpg", "A-3.jpg", "a-2.jpg"]


PATHS = st.lists(
    st.tuples(
        st.sampled_from(["a", "A", "a-2", "a.png", "b/a", "b/a-2", "B/a", "b", "é" * 126]),
        st.sampled_from(["", ".jpg", ".JPG", ".jpeg", ".png", ".bmp", ".heic", ".mov", ".webp"]),
        st.sampled_from(FORMATS),
    ),
    max_size=14,
)


@given(PATHS)
def test_results_differ_whatever_formats_they_have(
    album: list[tuple[str, str, ResultFormat]],
) -> None:
    planned = plan_names([safe_path(stem + suffix) for stem, suffix, _ in album])
    assert len({one.own.casefold() for one in planned}) == len(album)
    names = [
        _result(one, kind)
        for one, (_, _, kind) in zip(planned, album, strict=True)  # type: ignore[arg-type]
    ]
    assert len({name.casefold() for name in names}) == len(album)
    assert all(len(name.rpartition("/")[2].encode()) <= 255 for name in names)


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("day 1/IMG.jpg", "day 1/IMG.jpg"),
        ("../../etc/passwd", "etc/passwd"),
        ("/home/./me//cat.png", "home/me/cat.png"),
        ("con/aux.jpg", "_con/_aux.jpg"),
        ("C:\\Users\\me\\cat.png", "cat.png"),
        ("x/" * 40 + "a.jpg", "x/" * 16 + "a.jpg"),
        (
            "é" * 100 + "/" + "y" * 250 + "/" + "z" * 250 + "/a.jpg",
            "y" * 250 + "/" + "z" * 250 + "/a.jpg",
        ),
        ("..", "photo"),
    ],
)
def test_path_stays_within_its_folder(raw: str, safe: str) -> None:
    assert safe_path(raw) == safe


@pytest.mark.parametrize("name", ["photo.jpg", "photo.bmp", "{}/photo.tif", "photo.x{}"])
def test_a_hundred_thousand_photos_of_one_name_are_quick(name: str) -> None:
    began = time.process_time()
    planned = plan_names([name.format(number) for number in range(100_000)])
    assert time.process_time() - began < 20
    assert len({one.own for one in planned}) == len({one.stem for one in planned}) == 100_000
