"""ZIP files of photos, and hostile ones, made on the spot; by hand where zipfile would refuse."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tests.photos import HostileFile, encoded, scene

PHOTO = encoded(scene(), "JPEG")


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An ordinary archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file as an archive tells of it; every figure can be a lie."""

    name: bytes = b"photo.jpg"
    packed: bytes = PHOTO
    size: int = len(PHOTO)
    #: What the directory says that `packed` has.
    packed_size: int | None = None
    crc: int = zlib.crc32(PHOTO)
    flags: int = 0
    method: int = 0
    #: Unix mode.
    mode: int = 0o100644
    #: Where the directory says it lies; None where it does.
    start: int | None = None
    #: Its extra fields in the directory, and the system that it was made on (3 is Unix).
    extra: bytes = b""
    system: int = 3


def archive(*entries: Entry, count: int | None = None, gap: int = 0) -> bytes:
    """An archive of entries; `count` is what its end says, `gap` how far that is off."""
    body, directory = b"", b""
    for entry in entries:
        start = len(body) if entry.start is None else entry.start
        packed = len(entry.packed) if entry.packed_size is None else entry.packed_size
        common = struct.pack(
            "<5H3L2H", 20, entry.flags, entry.method, 0, 33, entry.crc, packed, entry.size,
            len(entry.name), 0,
        )  # fmt: skip
        body += b"PK\3\4" + common + entry.name + entry.packed
        directory += b"PK\1\2" + struct.pack("<H", entry.system << 8 | 20) + common[:-2]
        directory += struct.pack("<4H", len(entry.extra), 0, 0, 0)
        directory += struct.pack("<2L", entry.mode << 16, start) + entry.name + entry.extra
    number = len(entries) if count is None else count
    end = struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, number & 0xFFFF, number & 0xFFFF, len(directory),
        len(body) + gap, 0,
    )  # fmt: skip
    return body + directory + end


def crowded(count: int, says: int | None = None) -> bytes:
    """So many entries, each empty, in a 64-bit archive; `says` is what its end says."""
    number = count if says is None else says
    local = b"PK\3\4" + bytes(22) + struct.pack("<2H", 1, 0) + b"a"
    head = b"PK\1\2" + struct.pack("<H", 3 << 8 | 20) + bytes(22) + struct.pack("<H", 1)
    directory = b"".join(
        head + bytes(12) + struct.pack("<L", at * len(local)) + b"a" for at in range(count)
    )
    start = count * len(local)
    end = struct.pack(
        "<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, number, number, len(directory), start
    )
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, start + len(directory), 1)
    last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *[0xFFFF] * 2, *[0xFFFFFFFF] * 2, 0)
    return local * count + directory + end + locator + last


def bomb() -> bytes:
    """A hundred megabytes of nothing in a hundred kilobytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(bytes(100_000_000)) + packer.flush()
    return archive(Entry(packed=packed, size=100_000_000, method=8))


def quoted_bomb(files: int = 50) -> bytes:
    """Fifty entries that all lie at the same bytes, each with a name and place of its own."""
    entries = [replace(Entry(), name=b"%03d" % number, start=number) for number in range(files)]
    return archive(*entries)


def hostile_zips() -> dict[str, HostileFile]:
    """File name → archive, and the type of the problem that it must be answered with."""
    good = zipped({"a.jpg": PHOTO, "b/c.jpg": PHOTO})
    damaged, refused, large = "archive-damaged", "archive-refused", "album-too-large"
    files = {
        "entries.zip": HostileFile(crowded(100_001), large),
        "more-than-said.zip": HostileFile(crowded(100_001, says=5), damaged),
        "fewer-than-said.zip": HostileFile(archive(Entry(), count=2), damaged),
        "bomb.zip": HostileFile(bomb(), refused),
        "quoted-bomb.zip": HostileFile(quoted_bomb(), damaged),
        "same-place.zip": HostileFile(archive(Entry(), Entry(name=b"b.jpg", start=0)), damaged),
        "beyond.zip": HostileFile(archive(Entry(packed_size=10**6, size=10**6)), damaged),
        "huge.zip": HostileFile(archive(Entry(size=4 * 10**9, method=8)), refused),
        "two-sizes.zip": HostileFile(archive(Entry(size=5)), damaged),
        "moved.zip": HostileFile(archive(Entry(), gap=7), damaged),
        "nowhere.zip": HostileFile(archive(Entry(start=10**9)), damaged),
        "trailing.zip": HostileFile(good + b"more", damaged),
        "encrypted.zip": HostileFile(archive(Entry(flags=1)), refused),
        "lzma.zip": HostileFile(zipped({"a.jpg": PHOTO}, zipfile.ZIP_LZMA), refused),
        "bzip2.zip": HostileFile(zipped({"a.jpg": PHOTO}, zipfile.ZIP_BZIP2), refused),
        "empty.zip": HostileFile(zipped({}), "invalid-request"),
        "clutter.zip": HostileFile(
            zipped({".a.jpg": PHOTO, "__MACOSX/b": b"x"}), "invalid-request"
        ),
    }
    for number, name in enumerate(_HOSTILE_NAMES):
        files[f"name-{number}.zip"] = HostileFile(archive(Entry(name=name)), refused)
    for kind in (0o120777, 0o020666, 0o060666, 0o010666, 0o140777):
        files[f"special-{kind:o}.zip"] = HostileFile(archive(Entry(mode=kind)), refused)
    for cut in range(4, len(good), len(good) // 40):
        files[f"cut-{cut}.zip"] = HostileFile(good[:cut], damaged)
    return files


_HOSTILE_NAMES = (
    b"../../evil.jpg",
    b"a/../../evil.jpg",
    b"..\\evil.jpg",
    b"/etc/passwd",
    b"\\\\server\\share.jpg",
    b"C:\\evil.jpg",
    b"C:/evil.jpg",
    b"a\0.jpg",
    b"\0",
    b"",
    b"..",
    b"x" * 5000 + b".jpg",
)


def hostile_members() -> dict[str, HostileFile]:
    """File name → archive that is taken, and the reason that its one photo fails with."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(PHOTO) + packer.flush()
    damaged, good = "damaged-in-archive", archive(Entry())
    deflated = Entry(packed=packed, method=8)
    members = {
        "less-than-said": HostileFile(archive(replace(deflated, size=len(PHOTO) + 9)), damaged),
        "more-than-said": HostileFile(archive(replace(deflated, size=len(PHOTO) - 9)), damaged),
        "wrong-sum": HostileFile(archive(Entry(crc=1)), damaged),
        "no-deflate": HostileFile(archive(Entry(method=8)), damaged),
        "cut-deflate": HostileFile(archive(replace(deflated, packed=packed[:-20])), damaged),
        "other-header": HostileFile(good[:26] + b"\xff\xff" + good[28:], damaged),
        "nested": HostileFile(zipped({"inner.zip": zipped({"a": PHOTO})}), "unsupported-format"),
        "text": HostileFile(zipped({"a.jpg": b"Dear diary."}), "not-an-image"),
        "nothing": HostileFile(zipped({"a.jpg": b""}), "photo-empty"),
    }
    return {f"{name}.zip": file for name, file in members.items()}
