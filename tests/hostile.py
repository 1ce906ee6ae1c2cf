"""Three hundred hostile files: photos that must each fail alone, and archives to be refused whole.

Cut at every marker and chunk, with headers that lie, bombs, wrong names, and files of two kinds.
"""

import struct
import zlib
from collections.abc import Iterator

from tests import photos
from tests.photos import encoded, png_chunk, scene
from tests.zips import hostile_members

#: What a hostile photo may be turned away with; anything else would be a mistake of ours.
REASONS = frozenset(
    {
        "photo-empty",
        "not-an-image",
        "unsupported-format",
        "animated-photo",
        "photo-too-large",
        "photo-too-large-for-memory",
        "truncated-photo",
        "photo-unreadable",
        "photo-took-too-long",
        "damaged-in-archive",
    }
)

_PNG = b"\x89PNG\r\n\x1a\n"


def hostile_photos() -> dict[str, bytes]:
    """File name → photo that must come out as one failed item."""
    files = {name: file.data for name, file in photos.hostile_photos().items()}
    files |= dict(cut_jpegs())
    files |= dict(cut_pngs())
    files |= dict(cut_others())
    files |= lying_jpegs()
    files |= lying_pngs()
    files |= lying_others()
    files |= of_two_kinds()
    return files | {name: file.data for name, file in hostile_members().items()}


def cut_jpegs() -> Iterator[tuple[str, bytes]]:
    """Cut before every marker, and amid every segment, up to the last quarter of the pixels."""
    kinds = {
        "baseline": encoded(scene(200, 150), "JPEG", restart_marker_rows=1),
        "progressive": encoded(scene(200, 150), "JPEG", progressive=True),
        "grey": encoded(scene(200, 150).convert("L"), "JPEG", restart_marker_rows=1),
        "oriented": photos.oriented(6, "JPEG", (200, 150)),
    }
    for kind, data in kinds.items():
        markers = [
            at
            for at in range(2, len(data) * 3 // 4)
            if data[at] == 0xFF and data[at + 1] not in (0x00, 0xFF)
        ]
        for at in markers[1:]:
            yield f"cut-{kind}-{at}.jpg", data[:at]
            yield f"cut-{kind}-{at}-amid.jpg", data[: at + 3]


def cut_pngs() -> Iterator[tuple[str, bytes]]:
    """Cut at every chunk of a PNG before its last picture data, and damaged in every one."""
    raw = encoded(scene(200, 150), "PNG")
    start = raw.index(b"IDAT") + 4
    body = raw[start : raw.index(b"IEND") - 8]
    pieces = [body[at : at + len(body) // 12] for at in range(0, len(body), len(body) // 12)]
    chunks = [png_chunk(b"IDAT", piece) for piece in pieces]
    at = len(raw[: start - 8])
    for number, chunk in enumerate(chunks[:-1]):
        whole = raw[: start - 8] + b"".join(chunks)
        yield f"cut-{number}.png", whole[:at]
        yield f"cut-{number}-amid.png", whole[: at + len(chunk) // 2]
        damaged = bytearray(whole + png_chunk(b"IEND", b""))
        damaged[at + len(chunk) // 2] ^= 0x55
        yield f"damaged-{number}.png", bytes(damaged)
        at += len(chunk)


def cut_others() -> Iterator[tuple[str, bytes]]:
    """Other formats, cut at every tenth of the file."""
    for format in ("WEBP", "TIFF", "BMP", "GIF"):
        data = encoded(scene(200, 150), format)
        for tenth in range(1, 9):
            yield f"cut-{tenth}.{format.lower()}", data[: len(data) * tenth // 10]


def lying_jpegs() -> dict[str, bytes]:
    """Frame headers that speak of other pictures."""
    data = encoded(scene(200, 150), "JPEG")
    frame = data.index(b"\xff\xc0")

    def patched(offset: int, body: bytes) -> bytes:
        return data[: frame + offset] + body + data[frame + offset + len(body) :]

    return {
        "no-height.jpg": patched(5, b"\0\0"),
        "no-width.jpg": patched(7, b"\0\0"),
        "far-too-large.jpg": patched(5, b"\xff\xff\xff\xff"),
        "deep.jpg": patched(4, b"\x0c"),
        "no-parts.jpg": patched(9, b"\0"),
        "five-parts.jpg": patched(9, b"\5"),
        "arithmetic.jpg": patched(1, b"\xcb"),
        "lossless.jpg": patched(1, b"\xc3"),
        "no-frame.jpg": patched(1, b"\xe5"),
        "only-markers.jpg": b"\xff\xd8" + b"\xff\xe1\0\2" * 50_000,
        "endless-fill.jpg": b"\xff\xd8" + b"\xff" * 3_000_000,
        "scans-of-a-large-one.jpg": many_scans(6000, 60),
    }


def many_scans(side: int, scans: int) -> bytes:
    """A large picture of few bytes, each scan of which costs a pass over all of it."""
    small = photos.many_scans_jpeg(scans)
    frame = small.index(b"\xff\xc2")
    return small[: frame + 5] + struct.pack(">HH", side, side) + small[frame + 9 :]


def lying_pngs() -> dict[str, bytes]:
    """Headers that speak of other pictures, and chunks that unpack to far too much."""
    flat = zlib.compress(bytes(200 * 601))

    def png(*head: int, extra: bytes = b"", body: bytes = flat) -> bytes:
        header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", *head))
        end = png_chunk(b"IEND", b"")
        return _PNG + header + extra + png_chunk(b"IDAT", body) + end

    bomb = zlib.compress(bytes(200_000_000), 1)
    return {
        "no-width.png": png(0, 200, 8, 2, 0, 0, 0),
        "no-height.png": png(200, 0, 8, 2, 0, 0, 0),
        "largest.png": png(2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0),
        "one-long-row.png": png(2**31 - 1, 1, 8, 2, 0, 0, 0),
        "longest-line.png": png(50_000_000, 1, 1, 0, 0, 0, 0, body=zlib.compress(bytes(6_250_001))),
        "just-too-large.png": png(7072, 7072, 8, 2, 0, 0, 0),
        "no-palette.png": png(200, 200, 8, 9, 0, 0, 0),
        "three-bits.png": png(200, 200, 3, 2, 0, 0, 0),
        "profile-bomb.png": png(
            200, 9000, 8, 2, 0, 0, 0, extra=png_chunk(b"iCCP", b"a\0\0" + bomb)
        ),
        "no-data.png": png(200, 200, 8, 2, 0, 0, 0, body=b""),
        "only-its-name.png": _PNG,
    }


def lying_others() -> dict[str, bytes]:
    """BMP, GIF, TIFF and WebP whose headers lie."""
    bmp, gif, tiff = (encoded(scene(200, 150), format) for format in ("BMP", "GIF", "TIFF"))

    def patched(data: bytes, at: int, body: bytes) -> bytes:
        return data[:at] + body + data[at + len(body) :]

    return {
        "huge.bmp": patched(bmp, 18, struct.pack("<2i", 60_000, 60_000)),
        "negative.bmp": patched(bmp, 18, struct.pack("<i", -200)),
        "seven-bits.bmp": patched(bmp, 28, b"\7\0"),
        "odd-packing.bmp": patched(bmp, 30, struct.pack("<I", 77)),
        "elsewhere.bmp": patched(bmp, 10, struct.pack("<I", 10**9)),
        "huge.gif": patched(gif, 6, b"\xff\xff\xff\xff"),
        "no-directory.tiff": patched(tiff, 4, struct.pack("<I", 10**9)),
        "loop.tiff": b"II*\0\x08\0\0\0" + b"\0\0" + struct.pack("<I", 8),
        "many-tags.tiff": b"II*\0\x08\0\0\0\xff\xff" + b"\0\1\3\0\1\0\0\0\1\0\0\0" * 65535,
        "huge.tiff": tiny_tiff(60_000, 60_000),
        "huge-tile.tiff": tiled_tiff(1, 1, tile=20_000),
        "elsewhere.tiff": tiny_tiff(200, 150, offset=10**9),
        "odd-packing.tiff": tiny_tiff(200, 150, compression=99),
        "no-size.tiff": tiny_tiff(0, 0),
        "short.webp": b"RIFF\xff\xff\xff\xffWEBPVP8 ",
        "noise.webp": b"RIFF\x80\0\0\0WEBPVP8 \x74\0\0\0" + bytes(range(116)),
        "noise-lossless.webp": b"RIFF\x80\0\0\0WEBPVP8L\x74\0\0\0\x2f" + bytes(range(115)),
    }


def tiny_tiff(width: int, height: int, *, compression: int = 1, offset: int = 8) -> bytes:
    """A grey TIFF of one strip, with hardly any data."""
    tags = {256: width, 257: height, 258: 8, 259: compression, 262: 1, 273: offset, 277: 1}
    return _tiff(tags | {278: height, 279: width * height})


def tiled_tiff(width: int, height: int, *, tile: int) -> bytes:
    """A grey TIFF of one square tile, with hardly any data."""
    tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 277: 1}
    return _tiff(tags | {322: tile, 323: tile, 324: 8, 325: tile * tile})


def _tiff(tags: dict[int, int]) -> bytes:
    entries = b"".join(struct.pack("<2H2L", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4)


def of_two_kinds() -> dict[str, bytes]:
    """Files that are no photo, or are one and something else, under a photo's name."""
    jpeg = encoded(scene(200, 150), "JPEG")
    return {
        "program.jpg": b"\x7fELF" + bytes(60) + jpeg,
        "script.jpg": b"#!/bin/sh\nrm -rf /\n" + jpeg,
        "page.jpg": b"<html><script>alert(1)</script>" + jpeg,
        "document.jpg": b"%PDF-1.7\n" + jpeg,
        "video.jpg": b"\0\0\0\x18ftypmp42" + jpeg,
        "pickle.jpg": b"\x80\x04\x95" + jpeg,
        "java.gif": b"\xca\xfe\xba\xbe" + jpeg,
        "header-only.gif": b"GIF89a" + jpeg,
        "header-only.jpg": b"\xff\xd8\xff" + encoded(scene(), "PNG"),
        "two-heads.png": _PNG + jpeg,
        "zeros.jpg": bytes(1_000_000),
        "newlines.jpg": b"\n" * 1_000_000,
        "svg-bomb.svg": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><svg >"
        + b"&b;" * 9999,
    }
