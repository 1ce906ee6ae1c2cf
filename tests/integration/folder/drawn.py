"""Draws a folder of photos, and of what lies between them, as people really have it.

Nothing is taken from anywhere: pictures are scenes of `tests.photos`, whose right half is redder
than the left one and whose lower half is greener than the upper one, so that a turn shows.
"""

import io
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from tests.photos import deep_colour_png, encoded, oriented, scene, two_pictures_mpo
from tests.unit.worker.pixels.test_odd_files import raw_tiff
from tests.unit.worker.pixels.test_pages import tiff
from tests.unit.worker.pixels.test_phones import STORED, exif, heic
from tests.zips import zipped

WIDE = scene(96, 64)
UPSIDE_DOWN = WIDE.transpose(Image.Transpose.ROTATE_180)
#: The first second of 2010, UTC, in nanoseconds: when every file was changed last.
TAKEN_NS = 1_262_304_000_000_000_000

_FILM = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"
_LIVE_FILM = b"\0\0\0\x14ftypqt  \0\0\0\0qt  "
_GAIN_MAP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:hdrgm="x" hdrgm:Version="1.0"/>'


@dataclass(slots=True)
class Drawn:
    """The folder, and what must come of each file: a path below --out, or a reason."""

    #: Path of a file → path of its painting, and its size.
    painted: dict[str, tuple[str, tuple[int, int]]] = field(default_factory=dict)
    #: Path of a file → the type of the reason that its item gives.
    failed: dict[str, str] = field(default_factory=dict)
    #: Path of what is not sent and named → some words of its line.
    left_out: dict[str, str] = field(default_factory=dict)
    #: Suffixes of files that can be no photos.
    others: list[str] = field(default_factory=list)
    #: Files that are passed over without a word.
    clutter: list[str] = field(default_factory=list)
    #: Pictures that lie upside down.
    turned: set[str] = field(default_factory=set)


def draw(root: Path) -> Drawn:
    """Draw it all below `root`; about eighty files, forty kinds."""
    drawn = Drawn()
    for part in (_phone, _android, _scans, _cameras, _takeout, _damaged, _links, _archive):
        part(root, drawn)
    for name in ("@eaDir/IMG.jpg/SYNO_XL.jpg", "#recycle/gone.jpg", "Thumbs.db", ".DS_Store"):
        _put(root, f"nas/{name}", encoded(scene(), "JPEG"))
        drawn.clutter.append(f"nas/{name}")
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.utime(path, ns=(TAKEN_NS, TAKEN_NS))
    return drawn


def _put(root: Path, name: str, data: bytes) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _phone(root: Path, drawn: Drawn) -> None:
    """HEIC in all eight orientations by either way and by both, a film and a list of edits."""
    folder = "DCIM/100APPLE"
    for orientation, stored in STORED.items():
        for tens, way in enumerate(("container", "exif", "both")):
            name = f"{folder}/IMG_{tens}{orientation:03d}"
            data = heic(
                stored,
                orientation=1 if way == "exif" else orientation,
                exif=None if way == "container" else exif(orientation),
            )
            _put(root, f"{name}.HEIC", data)
            drawn.painted[f"{name}.HEIC"] = (f"{name}.jpg", WIDE.size)
    for suffix, data in {".MOV": _LIVE_FILM, ".AAE": b"<plist/>"}.items():
        _put(root, f"{folder}/IMG_0001{suffix}", data)
        drawn.others.append(suffix.lower())


def _android(root: Path, drawn: Drawn) -> None:
    """AVIF, Ultra HDR, motion photo, panorama without an end, a large film, hidden thumbnails."""
    jpeg, hdr = encoded(WIDE, "JPEG", quality=95), two_pictures_mpo()
    packet = b"http://ns.adobe.com/xap/1.0/\0" + _GAIN_MAP
    segment = b"\xff\xe1" + (len(packet) + 2).to_bytes(2, "big") + packet
    rest = _FILM + np.random.default_rng(1).bytes(50_000)
    files = {
        "PXL_1.jpg": (hdr[:2] + segment + hdr[2:], (64, 48)),
        "PXL_2.MP.jpg": (jpeg + rest, WIDE.size),
        "PXL_3.PANO.jpg": (jpeg[:-2] + b"\0\0\x30\x0a\x0e\0\0\0MotionPhoto_Data" + rest, WIDE.size),
        "20240506.avif": (encoded(WIDE, "AVIF", quality=95), WIDE.size),
        "turned.jpg": (oriented(6, size=(48, 96)), (48, 96)),
    }
    for name, (data, size) in files.items():
        _put(root, f"DCIM/Camera/{name}", data)
        result = f"DCIM/Camera/{name}".replace(".avif", ".jpg")
        drawn.painted[f"DCIM/Camera/{name}"] = (result, size)
    _put(root, "DCIM/Camera/VID_1.mp4", _FILM)
    os.truncate(root / "DCIM/Camera/VID_1.mp4", 140 * 2**20)  # a hole in the file
    drawn.others.append(".mp4")
    _put(root, "DCIM/Camera/.thumbnails/1.jpg", jpeg)
    drawn.clutter.append("DCIM/Camera/.thumbnails/1.jpg")


def _scans(root: Path, drawn: Drawn) -> None:
    """Pages, inks, 16 bits, two eyes, and three files of one stem."""
    files = {
        "pages.tif": (tiff(WIDE, UPSIDE_DOWN, UPSIDE_DOWN), "pages.png", WIDE.size),
        "inks.jpg": (encoded(WIDE.convert("CMYK"), "JPEG"), "inks.jpg", WIDE.size),
        "deep.png": (deep_colour_png(96, 64), "deep.png", WIDE.size),
        "eyes.mpo": (two_pictures_mpo(), "eyes.jpg", (64, 48)),
        "a.bmp": (encoded(WIDE, "BMP"), "a-2.png", WIDE.size),
        "a.png": (encoded(UPSIDE_DOWN, "PNG"), "a.png", WIDE.size),
        "a.tif": (encoded(scene(64, 96), "TIFF"), "a-3.png", (64, 96)),
        "می\u200cروم.webp": (encoded(WIDE, "WEBP", quality=95), "می\u200cروم.webp", WIDE.size),
    }
    for name, (data, result, size) in files.items():
        _put(root, f"scans/{name}", data)
        drawn.painted[f"scans/{name}"] = (f"scans/{result}", size)
    drawn.turned.add("scans/a.png")


def _cameras(root: Path, drawn: Drawn) -> None:
    """Raw files of several makers, told by what is in them and not by their names."""
    files = {
        "P1.iiq": raw_tiff({}, b"IIIICwaR"),
        "PXL_4.dng": raw_tiff({50706: (4, 1)}),
        "DSC_1.nef": raw_tiff({259: (3, 34713)}),
        "DSC_2.jpg": raw_tiff({259: (3, 32767)}),
        "IMG_1.CR3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(5000),
        "DSCF1.RAF": b"FUJIFILMCCD-RAW " + bytes(5000),
    }
    for name, data in files.items():
        _put(root, f"cameras/{name}", data)
        drawn.failed[f"cameras/{name}"] = "unsupported-format"


def _takeout(root: Path, drawn: Drawn) -> None:
    _put(root, "Takeout/IMG.jpg", oriented(1, size=(96, 64)))
    drawn.painted["Takeout/IMG.jpg"] = ("Takeout/IMG.jpg", WIDE.size)
    for name in ("IMG.jpg.json", "IMG.jpg.supplemental-metadata.json", "IMG.xmp", "notes.txt"):
        _put(root, f"Takeout/{name}", b"{}")
        drawn.others.append(Path(name).suffix)


def _damaged(root: Path, drawn: Drawn) -> None:
    """Cut, empty, another thing, unreadable: each with its reason, and none stops the others."""
    files = {
        "cut.jpg": (encoded(scene(200, 150), "JPEG")[:2000], "truncated-photo"),
        "empty.jpg": (b"", "photo-empty"),
        "letter.jpg": (b"Dear diary, this is no photo.", "not-an-image"),
        "moving.gif": (_animation(), "animated-photo"),
    }
    for name, (data, reason) in files.items():
        _put(root, f"damaged/{name}", data)
        drawn.failed[f"damaged/{name}"] = reason
    _put(root, "damaged/large.jpg", b"\xff\xd8\xff")
    os.truncate(root / "damaged/large.jpg", 140 * 2**20)
    drawn.left_out["damaged/large.jpg"] = "has 140 MiB, more than the 128 MiB allowed"
    # Its own memory is a file that a process may open, and whose beginning nobody can read.
    (root / "damaged/disk.jpg").symlink_to("/proc/self/mem")
    drawn.left_out["damaged/disk.jpg"] = "cannot be read"


def _links(root: Path, drawn: Drawn) -> None:
    elsewhere = root.parent / "elsewhere"
    _put(elsewhere, "b.jpg", encoded(WIDE, "JPEG"))
    os.utime(elsewhere / "b.jpg", ns=(TAKEN_NS, TAKEN_NS))
    (root / "links").mkdir()
    (root / "links/folder").symlink_to(elsewhere)
    (root / "links/gone.jpg").symlink_to(elsewhere / "gone.jpg")
    (root / "links/photo.jpg").symlink_to(elsewhere / "b.jpg")
    drawn.left_out["links/folder"] = "is a link to a folder"
    drawn.left_out["links/gone.jpg"] = "cannot be read (No such file or directory)"
    drawn.painted["links/photo.jpg"] = ("links/photo.jpg", WIDE.size)


def _archive(root: Path, drawn: Drawn) -> None:
    """A ZIP file among the photos comes back as a folder of its name."""
    files = {
        "a.jpg": encoded(WIDE, "JPEG"),
        "day 1/été.png": encoded(WIDE, "PNG"),
        "day 1/clip.mov": _LIVE_FILM,
        "__MACOSX/._a.jpg": b"x",
        "letter.jpg": b"Dear diary.",
    }
    _put(root, "Holiday.zip", zipped(files))
    for name in ("a.jpg", "day 1/été.png"):
        drawn.painted[f"Holiday.zip/{name}"] = (f"Holiday/{name}", WIDE.size)
    drawn.failed["Holiday.zip/letter.jpg"] = "not-an-image"


def _animation() -> bytes:
    file = io.BytesIO()
    frames = [Image.new("RGB", (24, 16), colour) for colour in ("red", "green")]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=80)
    return file.getvalue()
