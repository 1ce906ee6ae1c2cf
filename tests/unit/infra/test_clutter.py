"""Clutter: what NAS boxes, file managers and old systems leave beside photos."""

import pytest

from infra.clutter import is_clutter


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
