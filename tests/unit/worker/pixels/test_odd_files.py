"""Photos as real programs write them and other programs misread: each comes out as it is meant."""

import io
import struct
from itertools import product

import numpy as np
import pytest
import tifffile
from PIL import Image, PngImagePlugin

from tests.photos import encoded, png_chunk, scene
from worker.pixels import PhotoRejected, PixelLimits, decode
from worker.pixels.photo import Pixels

LIMITS = PixelLimits(max_megapixels=50)
SCENE = np.asarray(scene())
DEPTHS = {"u1": 255, "u2": 65535, "u4": 2**32 - 1, "f2": 1, "f4": 1}


def off(data: bytes, expected: Pixels) -> int:
    """The largest difference of a decoded file to a picture, in levels."""
    painted = decode(data, LIMITS).rgb
    assert painted.shape == expected.shape
    return int(np.abs(painted.astype(int) - expected.astype(int)).max())


def samples(kind: str, depth: str) -> np.ndarray:
    """The scene's samples of a TIFF's kind, (H, W) or (H, W, samples)."""
    levels = SCENE.astype(np.float64) / 255
    if kind == "rgba":
        levels = np.concatenate([levels, np.ones((*levels.shape[:2], 1))], axis=2)
    elif kind == "cmyk":
        levels = np.concatenate([1 - levels, np.zeros((*levels.shape[:2], 1))], axis=2)
    elif kind in ("minisblack", "miniswhite"):
        levels = levels[..., 0] if kind == "minisblack" else 1 - levels[..., 0]
    return np.round(levels * DEPTHS[depth], 0 if DEPTHS[depth] > 1 else 6).astype(depth)


def tiff(kind: str, depth: str, planes: str, **options: object) -> bytes:
    """The scene as a TIFF."""
    data = samples(kind, depth)
    if data.ndim == 3:
        options |= {"planarconfig": planes}
        data = np.moveaxis(data, 2, 0).copy() if planes == "separate" else data
    if kind == "rgba":
        options |= {"extrasamples": ["unassalpha"]}
    file = io.BytesIO()
    photometric = {"rgba": "rgb", "cmyk": "separated"}.get(kind, kind)
    tifffile.imwrite(file, data, photometric=photometric, **options)  # pyright: ignore[reportArgumentType]
    return file.getvalue()


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("kind", ["rgb", "rgba", "cmyk", "minisblack", "miniswhite"])
def test_a_tiff_of_any_layout_is_the_picture_that_it_holds(kind: str, depth: str) -> None:
    """Strips and tiles, planes apart and together, both byte orders, packed or not."""
    grey = np.repeat(SCENE[..., :1], 3, axis=2)
    expected = grey if kind in ("minisblack", "miniswhite") else SCENE
    for planes, tile, order, compression in product(
        ("contig", "separate"), (None, (32, 32)), "<>", (None, "lzw", "zlib")
    ):
        file = tiff(kind, depth, planes, compression=compression, tile=tile, byteorder=order)
        assert off(file, expected) <= 2, (planes, tile, order, compression)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_deep_tiff_is_turned_as_its_tag_says(orientation: int) -> None:
    stored = {
        1: SCENE,
        2: SCENE[:, ::-1],
        3: SCENE[::-1, ::-1],
        4: SCENE[::-1],
        5: SCENE.transpose(1, 0, 2),
        6: np.rot90(SCENE, 1),
        7: SCENE[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(SCENE, -1),
    }[orientation]
    file = io.BytesIO()
    tag = [(274, 3, 1, orientation, True)]
    data = np.ascontiguousarray(stored).astype(np.uint16) * 257
    tifffile.imwrite(file, data, photometric="rgb", extratags=tag)
    assert off(file.getvalue(), SCENE) <= 1


def test_a_deep_tiff_keeps_its_transparency() -> None:
    data = np.full((20, 30, 4), 65535, np.uint16)
    data[:, :15, 3] = 0
    data[..., :3] = 257 * 64
    file = io.BytesIO()
    tifffile.imwrite(file, data, photometric="rgb", extrasamples=["unassalpha"])
    photo = decode(file.getvalue(), LIMITS)
    assert photo.alpha is not None
    assert photo.alpha[0, 0] == 0
    assert photo.alpha[0, -1] == 255
    assert photo.rgb[0, 0].tolist() == [255, 255, 255]
    assert photo.rgb[0, -1].tolist() == [64, 64, 64]


def raw_tiff(tags: dict[int, tuple[int, int]], letters: bytes = b"") -> bytes:
    """A TIFF of one small unmarked picture, with further tags (type, value), as raw files begin."""
    preview = scene(16, 12).tobytes()
    head = b"II*\0\0\0\0\0" + letters.ljust(8, b"\0")
    entries = {
        **{256: (4, 16), 257: (4, 12), 258: (3, 8), 259: (3, 1), 262: (3, 2)},
        **{273: (4, len(head)), 277: (3, 3), 278: (4, 12), 279: (4, len(preview))},
    } | tags
    directory = struct.pack("<H", len(entries))
    directory += b"".join(
        struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in sorted(entries.items())
    )
    where = struct.pack("<I", len(head) + len(preview))
    return head[:4] + where + head[8:] + preview + directory + bytes(100_000)


@pytest.mark.parametrize(
    ("camera", "data"),
    [
        ("Phase One", raw_tiff({}, b"IIIICwaR")),
        ("Phase One, big-endian letters", raw_tiff({}, b"MMMMRawT")),
        ("Canon", raw_tiff({}, b"CR\2\0")),
        ("DNG of a phone", raw_tiff({50706: (1, 0x0401)})),
        ("linear DNG", raw_tiff({262: (3, 34892)})),
        ("colour filter array", raw_tiff({262: (3, 32803)})),
        ("Sony", raw_tiff({50740: (4, 8)})),
        ("Pentax", raw_tiff({259: (3, 65535)})),
        ("Nikon", raw_tiff({259: (3, 34713)})),
        ("Leaf", raw_tiff({34310: (1, 0)})),
        ("thumbnail first", raw_tiff({254: (4, 1)})),
        ("Olympus", b"IIRO\x08\0\0\0" + bytes(100)),
        ("Canon, newer", b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(100)),
        ("Fujifilm", b"FUJIFILMCCD-RAW 0201" + bytes(100)),
    ],
)
def test_a_cameras_raw_file_is_refused_by_name(camera: str, data: bytes) -> None:
    """Whoever made it, and whether or not its preview says that it is one: in the same words."""
    with pytest.raises(
        PhotoRejected, match="a camera's raw file, which is not accepted"
    ) as refused:
        decode(data, LIMITS)
    assert refused.value.type == "unsupported-format", camera


def bmp(alpha: int, *, head: int = 124, bands: str = "BGRA", upwards: bool = True) -> bytes:
    """The scene as a BMP of 32 bits; `bands` is the order of the bytes of a pixel."""
    pixels = np.full((*SCENE.shape[:2], 4), alpha, np.uint8)
    for band, name in enumerate("RGB"):
        pixels[..., bands.index(name)] = SCENE[..., band]
    rows = pixels[:: -1 if upwards else 1].tobytes()
    sizes = (64, 48 if upwards else -48)
    header = struct.pack("<IiiHHIIiiII", head, *sizes, 1, 32, 3, len(rows), 2835, 2835, 0, 0)
    header += struct.pack("<4I", *(0xFF << 8 * bands.index(name) for name in "RGBA"))
    header = (header + struct.pack("<I", 0x73524742)).ljust(head, b"\0")[:head]
    return struct.pack("<2sIHHI", b"BM", 14 + head + len(rows), 0, 0, 14 + head) + header + rows


@pytest.mark.parametrize("upwards", [True, False])
@pytest.mark.parametrize("bands", ["BGRA", "RGBA", "ABGR"])
@pytest.mark.parametrize("head", [56, 108, 124])
def test_a_bmp_without_any_opaque_pixel_is_opaque(head: int, bands: str, upwards: bool) -> None:
    """Programs that know no alpha leave its bytes empty."""
    photo = decode(bmp(0, head=head, bands=bands, upwards=upwards), LIMITS)
    assert photo.alpha is None
    assert np.array_equal(photo.rgb, SCENE)


def test_a_bmp_that_is_really_transparent_stays_so() -> None:
    photo = decode(bmp(128), LIMITS)
    assert photo.alpha is not None
    assert set(np.unique(photo.alpha)) == {128}


@pytest.mark.parametrize("kind", ["zTXt", "iTXt", "tEXt"])
def test_text_of_any_length_in_a_png_is_passed_over(kind: str) -> None:
    info = PngImagePlugin.PngInfo()
    text = np.random.default_rng(0).bytes(900_000).hex()
    if kind == "iTXt":
        info.add_itxt("workflow", text, zip=True)
    else:
        info.add_text("workflow", text, zip=kind == "zTXt")
    assert off(encoded(scene(), "PNG", pnginfo=info), SCENE) == 0


def test_a_large_colour_profile_in_a_png_is_no_reason_to_refuse_it() -> None:
    profile = np.random.default_rng(0).bytes(3 * 2**20)
    assert off(encoded(scene(), "PNG", icc_profile=profile), SCENE) == 0


JPEGS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "full colour": {"subsampling": 0},
}
TRAILER = b"\0\0\x30\x0a\x0e\0\0\0MotionPhoto_Data\0\0\0\x18ftypmp42"


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("trailer", [b"", TRAILER + np.random.default_rng(2).bytes(300_000)])
def test_a_jpeg_that_only_lacks_its_end_marker_is_whole(
    kind: str, mode: str, trailer: bytes
) -> None:
    """Phones append films and panoramas to a JPEG without ending it first."""
    data = encoded(scene(70, 50).convert(mode), "JPEG", quality=75, **JPEGS[kind])
    whole = decode(data, LIMITS).rgb
    assert np.array_equal(decode(data[:-2] + trailer, LIMITS).rgb, whole)


@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_that_lacks_a_part_of_its_picture_is_refused(kind: str) -> None:
    """Wherever it is cut: nothing is made up."""
    data = encoded(scene(70, 50), "JPEG", quality=75, **JPEGS[kind])
    for cut in range(3, 240):
        with pytest.raises(PhotoRejected):
            decode(data[:-cut], LIMITS)


def png_with(*chunks: bytes) -> bytes:
    """A flat PNG with further chunks behind its header."""
    data = encoded(Image.new("RGB", (8, 8), (200, 100, 50)), "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


CHRM_P3 = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
CHRM_SRGB = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


@pytest.mark.parametrize(
    ("chunks", "colour"),
    [
        ([png_chunk(b"cICP", bytes([1, 13, 0, 1]))], (200, 100, 50)),
        ([png_chunk(b"cICP", bytes([12, 13, 0, 1]))], (215, 93, 31)),
        ([png_chunk(b"gAMA", struct.pack(">I", 45455))], (200, 100, 50)),
        ([png_chunk(b"gAMA", struct.pack(">I", 100000))], (229, 168, 122)),
        (
            [png_chunk(b"gAMA", struct.pack(">I", 45455)), png_chunk(b"cHRM", CHRM_SRGB)],
            (200, 100, 50),
        ),
        (
            [png_chunk(b"gAMA", struct.pack(">I", 45455)), png_chunk(b"cHRM", CHRM_P3)],
            (215, 93, 31),
        ),
        # What sRGB says goes before gAMA, and cICP before either.
        (
            [png_chunk(b"sRGB", b"\0"), png_chunk(b"gAMA", struct.pack(">I", 100000))],
            (200, 100, 50),
        ),
        (
            [png_chunk(b"cICP", bytes([12, 13, 0, 1])), png_chunk(b"sRGB", b"\0")],
            (215, 93, 31),
        ),
        # Numbers that are no colours say nothing.
        ([png_chunk(b"gAMA", struct.pack(">I", 0))], (200, 100, 50)),
        (
            [png_chunk(b"gAMA", struct.pack(">I", 45455)), png_chunk(b"cHRM", bytes(32))],
            (200, 100, 50),
        ),
    ],
)
def test_colour_that_a_png_tells_by_numbers_is_followed(
    chunks: list[bytes], colour: tuple[int, int, int]
) -> None:
    """Values by IEC 61966-2-1 and SMPTE EG 432-1, reckoned without a colour library."""
    found = decode(png_with(*chunks), LIMITS).rgb[4, 4]
    assert np.abs(found.astype(int) - colour).max() <= 2


@pytest.mark.parametrize("transfer", [16, 18])
def test_high_dynamic_range_is_refused_and_never_taken_for_srgb(transfer: int) -> None:
    with pytest.raises(PhotoRejected, match="high dynamic range") as refused:
        decode(png_with(png_chunk(b"cICP", bytes([9, transfer, 0, 1]))), LIMITS)
    assert refused.value.type == "unsupported-format"
