"""What the command line takes for the photos of an album, and what it leaves out and tells."""

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from api.cli.photos import Album, Limits, check_out, collect_photos
from api.cli.service import UsageError

LIMITS = Limits(photo_bytes=1000, photo_megapixels=50, archive_bytes=5000, album_photos=99)
PNG = b"\x89PNG\r\n\x1a\n"


def make(folder: Path, *names: str) -> None:
    """Make files that hold their own names."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def collect(*arguments: Path, out: Path | None = None) -> Album:
    return collect_photos(arguments, limits=LIMITS, out=out)


def names(album: Album) -> list[str]:
    return [photo.name for photo in album.photos]


def left_out(album: Album) -> dict[str, str]:
    return {item.path.name: item.reason for item in album.left_out}


def test_folder_comes_with_its_sub_folders_in_order(tmp_path: Path) -> None:
    make(tmp_path, "b.jpg", "a.png", "sub/a.png", "sub/deeper/c.heic", ".hidden.jpg", ".git/x.jpg")
    album = collect(tmp_path / "b.jpg", tmp_path)
    assert names(album) == ["b.jpg", "a.png", "sub/a.png", "sub/deeper/c.heic"]
    assert album.left_out == album.others == []


def test_several_folders_keep_their_own_names(tmp_path: Path) -> None:
    make(tmp_path, "2023/a.jpg", "2024/a.jpg", "2024/may/b.jpg", "c.jpg")
    album = collect(tmp_path / "2023", tmp_path / "2024", tmp_path / "c.jpg")
    assert names(album) == ["2023/a.jpg", "2024/a.jpg", "2024/may/b.jpg", "c.jpg"]


def test_what_nas_boxes_and_file_managers_leave_is_passed_over(tmp_path: Path) -> None:
    make(
        tmp_path,
        *("a.jpg", "@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg", "#recycle/old.jpg", "Thumbs.db"),
        *("desktop.ini", ".DS_Store", "__MACOSX/._a.jpg", "sub/THUMBS.DB", "sub/@eadir/x.jpg"),
        *("$RECYCLE.BIN/x.jpg", "System Volume Information/x.jpg", "sub/b.jpg", "Icon\r"),
    )
    album = collect(tmp_path)
    assert names(album) == ["a.jpg", "sub/b.jpg"]
    assert album.left_out == album.others == []


def test_what_can_be_no_photo_is_not_sent(tmp_path: Path) -> None:
    make(tmp_path, "IMG_1.HEIC", "IMG_1.MOV", "a.jpg.json", "notes.txt", "IMG_1.AAE", "x.avif")
    (tmp_path / "film.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    (tmp_path / "BMW.md").write_bytes(b"BMW is no bitmap")
    album = collect(tmp_path)
    assert names(album) == ["IMG_1.HEIC", "x.avif"]
    assert [path.name for path in album.others] == [
        *("BMW.md", "IMG_1.AAE", "IMG_1.MOV", "a.jpg.json", "film.mp4", "notes.txt"),
    ]
    assert album.left_out == []


def test_photos_without_a_telling_name_are_known_by_their_content(tmp_path: Path) -> None:
    contents = {
        "png": PNG,
        "jpeg.bin": b"\xff\xd8\xff\xe1",
        "heic.dat": b"\0\0\0\x18ftypheic",
        "webp": b"RIFF\0\0\0\0WEBPVP8 ",
        "bitmap": b"BM\x46\0\0\0\0\0\0\0\x36",
        "film": b"\0\0\0\x14ftypqt  ",
        "empty": b"",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    album = collect(tmp_path)
    assert names(album) == ["bitmap", "heic.dat", "jpeg.bin", "png", "webp"]
    assert [path.name for path in album.others] == ["empty", "film"]


def test_links_to_folders_and_broken_links_are_reported(tmp_path: Path) -> None:
    make(tmp_path, "album/a.jpg", "elsewhere/b.jpg")
    (tmp_path / "album" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "album" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "album" / "circle.jpg").symlink_to("circle.jpg")
    (tmp_path / "album" / "good.jpg").symlink_to(tmp_path / "elsewhere" / "b.jpg")
    album = collect(tmp_path / "album")
    assert names(album) == ["a.jpg", "good.jpg"]
    told = left_out(album)
    assert set(told) == {"link", "gone.jpg", "circle.jpg"}
    assert "link to a folder" in told["link"]
    assert "No such file" in told["gone.jpg"]
    assert names(collect(tmp_path / "album" / "link")) == ["b.jpg"]  # named, it is followed


def test_folder_that_vanishes_or_may_not_be_read_is_reported(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "closed/b.jpg", "sub/c.jpg", "vanished/d.jpg")

    def listing(folder: Path) -> AbstractContextManager[Iterator["os.DirEntry[str]"]]:
        if folder.name == "closed":
            raise PermissionError(13, "Permission denied")
        if folder.name == "vanished":
            raise FileNotFoundError(2, "No such file or directory")
        return os.scandir(folder)

    album = collect_photos([tmp_path], limits=LIMITS, listing=listing)
    assert names(album) == ["a.jpg", "sub/c.jpg"]
    assert left_out(album) == {
        "closed": "this folder cannot be read (Permission denied)",
        "vanished": "this folder cannot be read (No such file or directory)",
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_files_and_folders_without_permission_are_reported(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "b.jpg", "sub/c.jpg")
    (tmp_path / "b.jpg").chmod(0)
    (tmp_path / "sub").chmod(0)
    album = collect(tmp_path)
    (tmp_path / "sub").chmod(0o700)
    assert names(album) == ["a.jpg"]
    assert set(left_out(album)) == {"b.jpg", "sub"}


def test_file_over_the_limit_is_reported_and_the_others_are_sent(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(bytes(1000))
    (tmp_path / "b.jpg").write_bytes(bytes(1001))
    (tmp_path / "c.zip").write_bytes(b"PK\x03\x04" + bytes(4000))
    (tmp_path / "d.zip").write_bytes(b"PK\x03\x04" + bytes(5000))
    album = collect(tmp_path)
    assert names(album) == ["a.jpg", "c.zip"]
    assert [photo.is_archive for photo in album.photos] == [False, True]
    assert set(left_out(album)) == {"b.jpg", "d.zip"}


def test_own_folder_for_results_is_never_painted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "a.jpg", "paintings/a.jpg", "paintings/sub/b.jpg", "sub/b.jpg")
    monkeypatch.chdir(tmp_path)
    assert names(collect(Path(), out=Path("paintings"))) == ["a.jpg", "sub/b.jpg"]
    assert names(collect(tmp_path, out=Path("sub/../paintings"))) == ["a.jpg", "sub/b.jpg"]
    (tmp_path / "out").symlink_to("paintings")
    assert names(collect(Path(), out=Path("out"))) == ["a.jpg", "sub/b.jpg"]


@pytest.mark.parametrize("inside", [[], ["notes.txt", "film.mov"], ["Thumbs.db"]])
def test_folder_without_photos_is_no_album(tmp_path: Path, inside: Sequence[str]) -> None:
    make(tmp_path, *inside)
    with pytest.raises(UsageError, match="no photos"):
        collect(tmp_path)


def test_photos_are_never_replaced_by_their_results(tmp_path: Path) -> None:
    make(tmp_path, "album/b.jpg", "album/sub/c.jpg")
    album = tmp_path / "album"
    with pytest.raises(UsageError, match="replace"):
        check_out(album / "sub" / "..", collect(album / "b.jpg").photos)
    with pytest.raises(UsageError, match="replace"):
        check_out(album, collect(album).photos)
    check_out(tmp_path / "out", collect(album).photos)
