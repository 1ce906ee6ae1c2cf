"""Files that the client sends and fetches: none is lost, and none takes another one's place."""

import errno
from io import RawIOBase
from pathlib import Path
from typing import Any

import httpx2
import pytest

from impasto_client import Client
from impasto_client.new_files import move_into_place, partial_file
from impasto_client.photo_names import safe_path
from impasto_client.upload_body import Upload, UploadFile
from tests.fakes.services import STYLE
from tests.unit.api.client.test_client import client_of, item


def painter(content: bytes) -> Client:
    return client_of(lambda _: httpx2.Response(200, content=content))


def test_download_never_takes_another_files_place(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"mine")
    one, other = painter(b"one"), painter(b"other")
    assert one.download(item(), tmp_path) == tmp_path / "a-2.jpg"
    assert one.download(item(), tmp_path) == tmp_path / "a-2.jpg"  # it is there, the same
    assert other.download(item(), tmp_path) == tmp_path / "a-3.jpg"
    assert other.download(item(), tmp_path, overwrite=True) == tmp_path / "a.jpg"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a.jpg": b"other",
        "a-2.jpg": b"one",
        "a-3.jpg": b"other",
    }


def test_saved_file_never_takes_another_files_place(tmp_path: Path) -> None:
    (tmp_path / "all.zip").write_bytes(b"mine")
    assert painter(b"new").save("/v1/x.zip", tmp_path / "all.zip") == tmp_path / "all-2.zip"
    assert (tmp_path / "all.zip").read_bytes() == b"mine"


def test_equal_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"x")
    before = path.stat()
    assert painter(b"x").download(item(), tmp_path, modified_ns=5) == path
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_result_lies_below_its_folder_with_its_time(tmp_path: Path) -> None:
    path = painter(b"x").download(item(), tmp_path, name="../sub/./b.jpg", modified_ns=10**18)
    assert path == tmp_path / "sub" / "b.jpg"
    assert path.stat().st_mtime_ns == 10**18


def test_new_names_fit_where_the_old_one_did(tmp_path: Path) -> None:
    longest = tmp_path / f"{'é' * 125}x.jpg"  # 255 bytes
    longest.write_bytes(b"mine")
    with partial_file(longest) as partial:
        partial.write_bytes(b"new")
        path = move_into_place(partial, longest, overwrite=False)
    assert path.name.endswith("é-2.jpg")
    assert path.read_bytes() == b"new"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("a.jpg", "a.jpg"),
        ("2023/may/a.jpg", "2023/may/a.jpg"),
        ("../../a.jpg", "a.jpg"),
        ("/etc/a.jpg", "etc/a.jpg"),
        ("x/./ . /con/a:b.jpg", "x/_con/a_b.jpg"),
        ("x/", "x/photo"),
    ],
)
def test_paths_stay_inside(raw: str, path: str) -> None:
    assert str(safe_path(raw)) == path


def test_files_that_cannot_be_read_stop_no_others(tmp_path: Path) -> None:
    """A folder is opened in no way, and another file is gone."""
    good, gone, folder = tmp_path / "a.jpg", tmp_path / "gone.jpg", tmp_path / "b.jpg"
    good.write_bytes(b"good")
    folder.mkdir()
    told: dict[Path, type[OSError]] = {}
    files = [UploadFile("photos", path) for path in (gone, folder, good)]
    upload = Upload({}, files, left_out=lambda path, error: told.update({path: type(error)}))
    sent = b"".join(upload.body())
    assert told == {gone: FileNotFoundError, folder: IsADirectoryError}
    assert sent.count(b"filename=") == 1
    assert b"\r\n\r\ngood\r\n--" in sent


def test_photo_that_goes_before_it_is_sent_stops_no_others(service: str, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a")
    told: list[Path] = []
    photos = [tmp_path / "gone.jpg", tmp_path / "a.jpg"]
    with Client(service) as client:
        job = client.submit(photos, style=STYLE, left_out=lambda path, _: told.append(path))
        assert [photo.name for photo in client.items(job.id)] == ["a.jpg"]
    assert told == [tmp_path / "gone.jpg"]


class BreaksOff(type(Path())):
    """A file on a disk that is damaged behind its first 17 MiB, or a share that goes away."""

    def open(self, *_: Any, **__: Any) -> Any:  # noqa: ANN401  (many overloads)
        return Damaged(17 * 2**20)


class Damaged(RawIOBase):
    def __init__(self, readable: int) -> None:
        self._left = readable

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if not self._left:
            raise OSError(errno.EIO, "Input/output error")
        piece = bytes(min(self._left, size))
        self._left -= len(piece)
        return piece


def test_photo_that_breaks_off_while_it_is_sent_stops_no_others(
    service: str, tmp_path: Path
) -> None:
    for name in ("a.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    broken = BreaksOff(tmp_path / "broken.jpg")
    told: list[tuple[Path, int | None]] = []
    sent: list[int] = []
    photos = [tmp_path / "gone.jpg", tmp_path / "a.jpg", broken, tmp_path / "c.jpg"]
    with Client(service) as client:
        job = client.submit(
            photos,
            style=STYLE,
            sent=sent.append,
            left_out=lambda path, error: told.append((path, error.errno)),
        )
        assert [photo.name for photo in client.items(job.id)] == ["a.jpg", "c.jpg"]
        assert told == [(photos[0], errno.ENOENT), (broken, errno.EIO)]
        assert sum(sent) == len(b"a.jpgc.jpg")
        with pytest.raises(OSError, match="Input/output"):
            client.submit(photos[1:], style=STYLE)
