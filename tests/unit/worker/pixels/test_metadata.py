"""What a result carries of its photo's metadata, for each choice and each format of a file."""

import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image

from infra.jobs.formats import FormatChoice
from infra.jobs.metadata import MetadataChoice
from tests.photos import encoded, scene
from worker.pixels import PixelLimits, decode, encode
from worker.pixels.result_format import in_format

LIMITS = PixelLimits(max_megapixels=50)
#: Exif holds bytes; programs write UTF-8 whatever the standard says of ASCII.
ARTIST = "Zoë Ångström"
XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/">
<rdf:Description rdf:about="" tiff:Orientation="6" photoshop:DateCreated="2019-08-07T06:05:04">
<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">\xc2\xa9 by XMP</rdf:li></rdf:Alt></dc:rights>
<dc:creator><rdf:Seq><rdf:li>Ann</rdf:li><rdf:li>Bob</rdf:li></rdf:Seq></dc:creator>
<dc:subject><rdf:Bag><rdf:li>a secret word</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def exif() -> Image.Exif:
    """A camera's Exif with what is kept and what must not be."""
    made = Image.Exif()
    made[0x010F] = "A maker"
    made[0x013B] = ARTIST.encode()
    made[0x8298] = b"(c) 2024 Zo\xc3\xab"
    own = made.get_ifd(0x8769)
    own[0x9003] = "2024:05:06 07:08:09"
    own[0x9011] = "+02:00"
    own[0xA431] = "SERIAL-4711"
    own[0x927C] = b"a maker's note"
    gps = made.get_ifd(0x8825)
    gps[1], gps[2] = "N", (52.0, 31.0, 12.0)
    return made


def files() -> dict[str, bytes]:
    options: dict[str, object] = {"exif": exif(), "dpi": (300, 300)}
    deep = io.BytesIO()
    samples = np.asarray(scene()).astype(np.uint16) * 257
    tags = [(315, 2, 0, ARTIST.encode(), True), (33432, 2, 0, b"(c) 2024 Zo\xc3\xab", True)]
    tifffile.imwrite(
        deep, samples, photometric="rgb", resolution=(300, 300), resolutionunit=2, extratags=tags
    )
    heic = io.BytesIO()
    pillow_heif.from_pillow(scene(96, 64)).save(heic, exif=exif().tobytes())
    return {
        "JPEG": encoded(scene(), "JPEG", **options),
        "PNG": encoded(scene(), "PNG", **options),
        "WEBP": encoded(scene(), "WEBP", exif=exif()),
        "TIFF": encoded(scene(), "TIFF", exif=exif().tobytes(), dpi=(300, 300)),
        "deep TIFF": deep.getvalue(),
        "AVIF": encoded(scene(), "AVIF", exif=exif()),
        "HEIC": heic.getvalue(),
    }


def result(data: bytes, keep: MetadataChoice, format: FormatChoice = "auto") -> bytes:
    photo = in_format(decode(data, LIMITS, keep), format, data)
    return encode(photo.rgb, photo)


def read(data: bytes) -> tuple[dict[int, object], dict[int, object], dict[int, object]]:
    """The result's first directory, Exif's own and the places, by Pillow."""
    found = Image.open(io.BytesIO(data)).getexif()
    return dict(found), dict(found.get_ifd(0x8769)), dict(found.get_ifd(0x8825))


def as_utf8(value: object) -> str:
    return str(value).encode("latin-1").decode()


@pytest.mark.parametrize(("kind", "data"), files().items())
def test_date_artist_copyright_and_resolution_are_kept(kind: str, data: bytes) -> None:
    first, own, places = read(result(data, "keep-safe"))
    if kind != "TIFF":  # Pillow writes question marks there.
        assert as_utf8(first[0x013B]) == ARTIST
        assert as_utf8(first[0x8298]) == "(c) 2024 Zoë"
    if kind != "deep TIFF":
        assert own[0x9003] == "2024:05:06 07:08:09"
        assert own[0x9011] == "+02:00"
    if kind in ("JPEG", "PNG", "TIFF", "deep TIFF"):
        assert (first[0x011A], first[0x011B], first[0x0128]) == (300, 300, 2)
    assert places == {}
    assert not {0x010F, 0x0112} & set(first)
    assert not {0xA431, 0x927C} & set(own)


@pytest.mark.parametrize("data", files().values(), ids=list(files()))
def test_nothing_of_a_place_or_a_device_is_left_anywhere_in_a_safe_result(data: bytes) -> None:
    kept = result(data, "keep-safe")
    assert not any(word in kept for word in (b"SERIAL-4711", b"a maker's note", b"A maker"))


@pytest.mark.parametrize("data", files().values(), ids=list(files()))
def test_none_keeps_nothing(data: bytes) -> None:
    found = Image.open(io.BytesIO(result(data, "none")))
    assert not found.getexif()
    assert not {"xmp", "icc_profile", "comment", "photoshop"} & set(found.info)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIC"])
def test_all_keeps_places_and_devices_but_no_turn(kind: str) -> None:
    first, own, places = read(result(files()[kind], "all"))
    assert first[0x010F] == "A maker"
    assert first[0x013B]
    assert own[0xA431] == "SERIAL-4711"
    assert places[1] == "N"
    assert first.get(0x0112, 1) == 1
    assert 0x0111 not in first


def test_a_turned_photo_is_not_turned_again_by_what_its_result_says() -> None:
    turned = exif()
    turned[0x0112] = 6
    data = encoded(scene(), "JPEG", exif=turned, xmp=XMP)
    for choice in ("keep-safe", "all"):
        kept = result(data, choice)
        assert Image.open(io.BytesIO(kept)).getexif().get(0x0112, 1) == 1
        assert b"Orientation" not in kept


def test_xmp_speaks_where_exif_is_silent() -> None:
    first, own, _ = read(result(encoded(scene(), "JPEG", xmp=XMP), "keep-safe"))
    assert as_utf8(first[0x8298]) == "© by XMP"
    assert first[0x013B] == "Ann; Bob"
    assert own[0x9003] == "2019:08:07 06:05:04"


def test_xmp_as_a_whole_is_kept_only_where_all_is() -> None:
    data = encoded(scene(), "JPEG", xmp=XMP)
    assert b"a secret word" in result(data, "all")
    assert b"a secret word" not in result(data, "keep-safe")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("packet", [XMP, b"<broken", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"])
def test_results_say_that_a_trained_algorithm_made_them(kind: str, packet: bytes) -> None:
    data = encoded(scene(), "JPEG" if kind == "PNG" else kind, xmp=packet)
    if kind == "PNG":
        data = encoded(Image.open(io.BytesIO(data)), "PNG")
    for choice in ("keep-safe", "all"):
        kept = result(data, choice)
        assert kept.count(b"digitalsourcetype/trainedAlgorithmicMedia") == 1


def test_more_exif_than_a_jpeg_holds_loses_the_makers_note_first() -> None:
    large = exif()
    large.get_ifd(0x8769)[0x927C] = bytes(80_000)
    photo = decode(encoded(scene(), "WEBP", exif=large), LIMITS, "all")
    first, own, _ = read(encode(photo.rgb, photo))
    assert first[0x010F] == "A maker"
    assert 0x927C not in own


@pytest.mark.skipif(not shutil.which("exiftool"), reason="needs libimage-exiftool-perl")
@pytest.mark.parametrize("format", ["auto", "jpeg", "png", "webp", "avif"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "deep TIFF", "HEIC", "AVIF"])
def test_exiftool_reads_what_is_kept_and_finds_no_place(
    kind: str, format: FormatChoice, tmp_path: Path
) -> None:
    """The program that photographers look with, for photos and results of each format."""
    path = tmp_path / "result"
    path.write_bytes(result(files()[kind], "keep-safe", format))
    command = ["exiftool", "-json", "-G1", "-a", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (told,) = json.loads(done.stdout)
    if kind != "deep TIFF":  # tifffile writes no directory of Exif
        assert told["ExifIFD:DateTimeOriginal"] == "2024:05:06 07:08:09"
    if kind != "TIFF":  # Pillow writes question marks there
        assert told["IFD0:Copyright"] == "(c) 2024 Zoë"
    assert "trainedAlgorithmicMedia" in told["XMP-iptcExt:DigitalSourceType"].replace(" ", "")
    if kind in ("JPEG", "PNG", "TIFF", "deep TIFF"):
        assert told["IFD0:XResolution"] == 300
    assert not [name for name in told if "GPS" in name or "Serial" in name or "Thumb" in name]
