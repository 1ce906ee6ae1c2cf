"""Sample photos of every kind, and hostile files, made on the spot with Pillow and struct."""

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms

#: EXIF and TIFF tag of the orientation.
ORIENTATION = 0x0112

#: How the pixels of a photo of each EXIF orientation are stored, from the upright picture.
_STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def scene(width: int = 64, height: int = 48) -> Image.Image:
    """A picture whose corners all differ: red grows to the right, green downwards."""
    red = np.broadcast_to(np.linspace(20, 235, width)[None, :], (height, width))
    green = np.broadcast_to(np.linspace(20, 235, height)[:, None], (height, width))
    blue = np.full((height, width), 90.0)
    return Image.fromarray(np.stack([red, green, blue], axis=-1).astype(np.uint8))


def faded(width: int = 64, height: int = 48) -> Image.Image:
    """The scene with an alpha channel that grows from clear to opaque, left to right."""
    alpha = np.broadcast_to(np.linspace(0, 255, width)[None, :], (height, width))
    picture = scene(width, height)
    picture.putalpha(Image.fromarray(alpha.astype(np.uint8)))
    return picture


def encoded(picture: Image.Image, format: str, **options: object) -> bytes:
    """A picture as a file of Pillow's format name."""
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def oriented(orientation: int, format: str = "JPEG", size: tuple[int, int] = (64, 48)) -> bytes:
    """A file that looks like `scene(*size)` to whoever follows its EXIF orientation, 1 to 8."""
    picture = scene(*size)
    if orientation in _STORED:
        picture = picture.transpose(_STORED[orientation])
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[0x010F] = "A maker's name"
    exif.get_ifd(0x8825)[1] = "N"  # GPS: north
    lossless = {"lossless": True} if format == "WEBP" else {}
    return encoded(picture, format, exif=exif, **({"quality": 95} | lossless))


def deep_grey(format: str, width: int = 64, height: int = 48) -> bytes:
    """A 16-bit grey ramp over the whole range, as PNG or TIFF."""
    ramp = np.broadcast_to(np.linspace(0, 65535, width)[None, :], (height, width))
    return encoded(Image.fromarray(ramp.astype(np.uint16)), format)


def deep_colour_png(width: int = 64, height: int = 48) -> bytes:
    """The scene as a PNG of 16 bits a sample, which Pillow reads but does not write."""
    samples = np.asarray(scene(width, height)).astype(">u2") * 257
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk of a PNG, with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def palette_picture(*, clear: bool) -> bytes:
    """A palette PNG; with `clear` its top left corner's colour is transparent."""
    picture = scene().quantize(32)
    if not clear:
        return encoded(picture, "PNG")
    return encoded(picture, "PNG", transparency=picture.getpixel((0, 0)))


def swapped_profile() -> bytes:
    """An ICC profile in which red and green have changed places."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    table = 132 + 12 * struct.unpack(">I", profile[128:132])[0]
    head = profile[:table].replace(b"rXYZ", b"tmp ").replace(b"gXYZ", b"rXYZ")
    return head.replace(b"tmp ", b"gXYZ") + profile[table:]


def red_cyan_profile() -> bytes:
    """A CMYK profile whose cyan ink is red, so that following it shows; the rest is greyish."""
    white, red, black = (255, 128, 128), (136, 209, 195), (0, 128, 128)
    # Grid points of (C, M, Y, K), each 0 or 1, the last changing fastest.
    grid = [black if k else red if c else white for c in (0, 1) for _ in range(4) for k in (0, 1)]
    matrix = struct.pack(">9i", *(65536 * v for v in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + matrix
    table += ramp * 4 + bytes(v for point in grid for v in point) + ramp * 3
    tag = struct.pack(">I4sII", 1, b"A2B0", 144, len(table))
    return _profile_header(144 + len(table), b"prtr", b"CMYK", b"Lab ") + tag + table


def linear_grey_profile() -> bytes:
    """A grey profile of linear light: what it calls 64 is 137 in sRGB."""
    curve = b"curv" + bytes(8)
    tag = struct.pack(">I4sII", 1, b"kTRC", 144, len(curve))
    return _profile_header(144 + len(curve), b"mntr", b"GRAY", b"XYZ ") + tag + curve


def _profile_header(size: int, device: bytes, space: bytes, connection: bytes) -> bytes:
    header = struct.pack(">I4sI4s4s4s", size, b"test", 0x02400000, device, space, connection)
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    return (header + struct.pack(">3i", 63190, 65536, 54061)).ljust(128, b"\0")


def two_pictures_mpo() -> bytes:
    """An MPO, as phones and stereo cameras write: the first picture is the scene."""
    second = Image.new("RGB", (64, 48), "blue")
    return encoded(scene(), "MPO", save_all=True, append_images=[second])


def animation(format: str) -> bytes:
    """Three frames as GIF, WEBP or PNG (APNG)."""
    frames = [Image.new("RGB", (24, 16), colour) for colour in ("red", "green", "blue")]
    return encoded(frames[0], format, save_all=True, append_images=frames[1:], duration=80)


def huge_png(side: int = 60_000) -> bytes:
    """A few bytes whose header speaks of `side` × `side` pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def huge_jpeg(side: int = 60_000) -> bytes:
    """A small JPEG whose frame header was changed to `side` × `side`."""
    data = bytearray(encoded(scene(), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", side, side)
    return bytes(data)


def huge_webp(side: int = 16_000) -> bytes:
    """A WebP whose extended header speaks of a canvas of `side` × `side`."""
    canvas = (side - 1).to_bytes(3, "little") * 2
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + canvas
    body += encoded(scene(), "WEBP")[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def many_scans_jpeg(scans: int = 1000) -> bytes:
    """A progressive JPEG whose last scan is repeated until decoding takes very long."""
    data = encoded(scene(), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * scans + data[-2:]


SVG = b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"/>\n'
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)
TEXT = b"Dear diary, this is no photo at all.\n" * 20


def good_photos() -> dict[str, bytes]:
    """File name → photo that must come out done, one of each kind."""
    grey = scene().convert("L")
    cmyk = scene().convert("CMYK")
    photos = {
        "plain.jpg": encoded(scene(), "JPEG", quality=95),
        "progressive.jpeg": encoded(scene(), "JPEG", progressive=True),
        "grey.jpg": encoded(grey, "JPEG"),
        "cmyk.jpg": encoded(cmyk, "JPEG"),
        "cmyk-profile.jpg": encoded(cmyk, "JPEG", icc_profile=red_cyan_profile()),
        "profile.jpg": encoded(scene(), "JPEG", icc_profile=swapped_profile()),
        "stereo.mpo": two_pictures_mpo(),
        "plain.png": encoded(scene(), "PNG"),
        "alpha.png": encoded(faded(), "PNG"),
        "grey-alpha.png": encoded(faded().convert("LA"), "PNG"),
        "bilevel.png": encoded(grey.convert("1"), "PNG"),
        "palette.png": palette_picture(clear=False),
        "palette-clear.png": palette_picture(clear=True),
        "deep-grey.png": deep_grey("PNG"),
        "deep-colour.png": deep_colour_png(),
        "plain.webp": encoded(scene(), "WEBP", quality=95),
        "alpha.webp": encoded(faded(), "WEBP", lossless=True),
        "plain.tiff": encoded(scene(), "TIFF"),
        "packed.tif": encoded(scene(), "TIFF", compression="tiff_lzw"),
        "deep-grey.tiff": deep_grey("TIFF"),
        "float.tiff": encoded(Image.fromarray(np.asarray(grey, np.float32) / 255), "TIFF"),
        "cmyk.tif": encoded(cmyk, "TIFF"),
        "lab.tif": encoded(scene().convert("LAB"), "TIFF"),
        "plain.bmp": encoded(scene(), "BMP"),
        "static.gif": encoded(scene(), "GIF"),
        "dot.png": encoded(scene(1, 1), "PNG"),
        "dot.jpg": encoded(scene(1, 1), "JPEG"),
        "tall.jpg": encoded(scene(37, 911), "JPEG"),
        "no extension": encoded(scene(), "JPEG"),
        "lying.jpg": encoded(scene(), "PNG"),
    }
    for orientation in range(1, 9):
        photos[f"orientation-{orientation}.jpg"] = oriented(orientation)
    return photos


@dataclass(frozen=True, slots=True)
class HostileFile:
    """A file and the type of the reason that it must be turned away with."""

    data: bytes
    reason: str


def hostile_photos() -> dict[str, HostileFile]:
    """File name → file that must come out as one failed item."""
    jpeg, png = encoded(scene(200, 150), "JPEG"), encoded(scene(200, 150), "PNG")
    files = {
        "text.jpg": HostileFile(TEXT, "not-an-image"),
        "bmw.bmp": HostileFile(b"BMW is the name of a maker of cars.", "not-an-image"),
        "empty.jpg": HostileFile(b"", "photo-empty"),
        "drawing.svg": HostileFile(SVG, "unsupported-format"),
        "phone.heic": HostileFile(HEIC, "photo-unreadable"),
        "scan.pdf": HostileFile(b"%PDF-1.7\n" + bytes(100), "unsupported-format"),
        "moving.gif": HostileFile(animation("GIF"), "animated-photo"),
        "moving.webp": HostileFile(animation("WEBP"), "animated-photo"),
        "moving.png": HostileFile(animation("PNG"), "animated-photo"),
        "huge.png": HostileFile(huge_png(), "photo-too-large"),
        "huge.jpg": HostileFile(huge_jpeg(), "photo-too-large"),
        "huge.webp": HostileFile(huge_webp(), "photo-too-large"),
        "scans.jpg": HostileFile(many_scans_jpeg(), "photo-unreadable"),
        "chaos.png": HostileFile(png[:60] + bytes(len(png) - 72) + png[-12:], "photo-unreadable"),
    }
    for part in (10, 30, 60, 90):
        cut = HostileFile(jpeg[: len(jpeg) * part // 100], "truncated-photo")
        files[f"truncated-{part}.jpg"] = cut
        cut = HostileFile(png[: len(png) * part // 100], "truncated-photo")
        files[f"truncated-{part}.png"] = cut
    return files
