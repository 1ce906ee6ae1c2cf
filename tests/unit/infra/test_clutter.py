"""Clutter: what NAS boxes, file managers and old systems leave beside photos."""

import pytest

from impasto_client import photo_kinds
from infra.clutter import CLUTTER, cannot_be_photo, is_clutter


@pytest.mark.parametrize(
    "path",
    [
        "@eaDir/IMG.jpg/SYNOPHOTO_THUMB_XL.jpg",
        "2024/@EADIR/IMG.jpg",
        "#recycle/deleted.jpg",
        "@Recycle/deleted.jpg",
        "$RECYCLE.BIN/S-1-5-21/$R1.jpg",
        "lost+found/#1234.jpg",
        ".Trash-1000/files/a.jpg",
        ".Trashes/501/a.jpg",
        ".thumbnails/1.jpg",
        ".AppleDouble/a.jpg",
        "a/._IMG.jpg",
        "__MACOSX/a.jpg",
        "THUMBS.DB",
        "a/Desktop.ini",
        ".DS_Store",
        "System Volume Information/x.jpg",
    ],
)
def test_clutter_is_known_by_any_part_in_any_case(path: str) -> None:
    assert is_clutter(path)


@pytest.mark.parametrize(
    "path",
    ["IMG.jpg", "./IMG.jpg", "recycle/a.jpg", "my thumbs.db.jpg", "@home/a.jpg", "a b/#1.jpg"],
)
def test_other_names_are_photos(path: str) -> None:
    assert not is_clutter(path)


def test_client_passes_over_the_same_names() -> None:
    """It imports nothing of the service, so it has them once more."""
    assert photo_kinds.CLUTTER == CLUTTER


@pytest.mark.parametrize("suffix", sorted(photo_kinds.PAINTED_SUFFIXES))
def test_suffix_of_a_photo_may_be_one(suffix: str) -> None:
    assert not cannot_be_photo(f"a/IMG{suffix.upper()}")


@pytest.mark.parametrize("name", ["IMG.MOV", "a/IMG.jpg.json", "VID.mp4", "IMG.AAE", "x.jpg.xmp"])
def test_films_and_sidecars_cannot_be_photos(name: str) -> None:
    assert cannot_be_photo(name)
