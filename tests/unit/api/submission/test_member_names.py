"""Names in ZIP files, as archivers write them: raw bytes that nothing explains."""

import struct
import zlib

import pytest

from api.archives.member_names import RawName, decode_names
from api.archives.member_times import changed_at
from api.archives.zip_directory import read_directory
from tests.zips import Entry, archive


def names(*raw: bytes, system: int = 0) -> list[str]:
    return decode_names([RawName(name, b"", system) for name in raw])


def unicode_path(path: str, of: bytes) -> bytes:
    field = struct.pack("<BL", 1, zlib.crc32(of)) + path.encode()
    return struct.pack("<HH", 0x7075, len(field)) + field


@pytest.mark.parametrize(
    ("page", "album"),
    [
        ("cp932", ["ソ.jpg", "写真.jpg"]),
        ("cp932", ["ソ.jpg"]),
        ("cp932", ["予定表.jpg", "能登.jpg", "DSC_1.jpg"]),
        ("cp932", ["十月/ポスター.png", "十月/運動会.png"]),
        ("gb18030", ["新建文件夹/照片.jpg", "春节.jpg"]),
        ("cp950", ["功能.jpg", "許功蓋.jpg"]),
        ("cp949", ["여름휴가/사진 1.jpg"]),
        ("cp866", ["Лето/море.jpg", "Дача.jpg"]),
        ("cp437", ["été.jpg", "Übung.jpg"]),
        ("cp850", ["São Paulo.jpg", "Østersøen.jpg"]),
        ("cp852", ["Příliš žluťoučký kůň.jpg"]),
        ("cp737", ["Ελλάδα/θάλασσα.jpg"]),
        ("cp932", ["海.jpg"]),
        ("cp932", ["IMG_海.jpg"]),
        ("cp950", ["花.png"]),
        ("cp866", ["ёлка.jpg"]),
        ("cp437", ["25°C.jpg"]),
        ("cp437", ["caféCrème.jpg"]),
        ("cp850", ["iPhone été.jpg"]),
    ],
)
def test_names_in_a_code_page_of_windows_are_read(page: str, album: list[str]) -> None:
    assert names(*(name.encode(page) for name in album)) == album


def test_utf8_counts_whatever_the_flag_says() -> None:
    album = ["été.jpg", "東京.jpg", "a.jpg"]
    assert names(*(name.encode() for name in album), system=3) == album


def test_code_page_of_some_names_leaves_those_in_utf8_alone() -> None:
    assert names("東京.jpg".encode(), "写真.jpg".encode("cp932")) == ["東京.jpg", "写真.jpg"]


def test_unicode_path_counts_first_where_it_is_of_this_name() -> None:
    raw = "ソ.jpg".encode("cp932")
    for extra, name in (
        (unicode_path("été.jpg", raw), "été.jpg"),
        (struct.pack("<HH", 0x5455, 1) + b"x" + unicode_path("été.jpg", raw), "été.jpg"),
        (unicode_path("été.jpg", b"an older name"), "ソ.jpg"),
        (unicode_path("", raw), "ソ.jpg"),
        (struct.pack("<HH", 0x7075, 7) + b"\1\0", "ソ.jpg"),
    ):
        data = archive(Entry(name=raw, extra=extra))
        entries = read_directory(
            lambda a, b, data=data: data[a:b], len(data), max_entries=9
        ).entries
        assert [entry.name for entry in entries] == [name]


@pytest.mark.parametrize(
    ("system", "name"), [(0, "a/b.jpg"), (10, "a/b.jpg"), (3, "a\\b.jpg"), (19, "a\\b.jpg")]
)
def test_backslash_is_between_folders_only_where_no_name_can_have_it(
    system: int, name: str
) -> None:
    assert names(b"a\\b.jpg", system=system) == [name]


def test_backslash_between_decoded_names_is_one() -> None:
    assert names("写真\\ソ.jpg".encode("cp932")) == ["写真/ソ.jpg"]


def test_name_that_no_page_explains_is_not_split() -> None:
    (name,) = names(b"\xff\\\xff\\a.jpg")
    assert "/" not in name


@pytest.mark.parametrize(
    ("extra", "time", "date", "expected"),
    [
        (struct.pack("<HHBi", 0x5455, 5, 1, 1_262_304_000), 0, 0, 1_262_304_000),
        (struct.pack("<HHB", 0x5455, 1, 2), 0x83, 0x3C21, 1_262_304_246),
        (b"", 0x83, 0x3C21, 1_262_304_246),
        (b"", 0, 0, None),
        (b"", 0xFFFF, 0xFFFF, None),
    ],
)
def test_time_of_a_member_is_read(
    extra: bytes, time: int, date: int, expected: float | None
) -> None:
    assert changed_at(extra, time, date) == expected
