"""Pixels to photo files: the photo's own format, sRGB, with the metadata that it carries on."""

import io
import re
import zlib

from PIL import Image, PngImagePlugin

from worker.pixels.photo import Photo, Pixels, ResultFormat

#: File extensions that fit each format; the first replaces one that does not fit.
EXTENSIONS: dict[ResultFormat, tuple[str, ...]] = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "AVIF": (".avif",),
}

#: The extension of a file name; "Beach, 5.30 pm" has none.
_EXTENSION = re.compile(r"(?<=.)\.(?=\w*[a-z])[a-z0-9]{1,5}\Z", re.IGNORECASE)

#: Bytes (UTF-8) a result's name may have: what file systems take.
_MAX_NAME_BYTES = 255

#: Measured on four paintings of 640 pixels' width (bits a pixel, PSNR, ms a megapixel).
#: JPEG: full colour resolution at 92 (5.4, 37.3 dB, 5) is as large as halved colour resolution
#: at 95 (5.4, 36.4 dB, 4) and keeps strokes of saturated paint sharp. PNG: runs alone (15.2, 54 ms)
#: are 2 % larger than level 6 (15.0, 176 ms) and, brush strokes having few other repetitions,
#: smaller than level 1 by zlib's default strategy (15.4, 82 ms). WebP: method 0 (3.9, 36.1 dB,
#: 51 ms) differs from the default 4 (3.9, 36.2 dB, 119 ms) only in time. On two other paintings:
#: AVIF at 90 (3.1, 41.9 dB) beside JPEG (3.8, 40.4 dB); 0.2 s a megapixel at speed 10, 0.9 s at 8,
#: which is 2 % smaller. Bits for the colours of all pixels, as in JPEG.
_OPTIONS: dict[ResultFormat, dict[str, int | str]] = {
    "JPEG": {"quality": 92, "subsampling": 0},
    "PNG": {"compress_level": 1, "compress_type": zlib.Z_RLE},
    "WEBP": {"quality": 92, "method": 0},
    "AVIF": {"quality": 90, "speed": 10, "subsampling": "4:4:4", "max_threads": 1},
}

#: For a photo that comes back as it is: 45 dB or more from what was decoded, whatever it shows.
#: Measured on 24 small photos, and on noise of every level, which is the hardest (least PSNR; bits
#: a pixel of the photos, which came with 2.3): JPEG at 99 49.1 and 47.2 dB (5.7), at 98 44.9 and
#: 43.0 (4.7), at 92 36.5 (2.8). AVIF at 100 48.1 and 48.3 dB (7.6), at 97 42.1 (3.1). WebP halves
#: the colours' resolution unless nothing is lost: at 100 35.8 dB (5.2), lossless 8.4 bits.
_FAITHFUL_OPTIONS: dict[ResultFormat, dict[str, int | str]] = {
    "JPEG": {"quality": 99, "subsampling": 0},
    "PNG": _OPTIONS["PNG"],
    "WEBP": {"lossless": True, "quality": 0, "method": 0},
    "AVIF": {**_OPTIONS["AVIF"], "quality": 100},
}


def encode(rgb: Pixels, photo: Photo, *, faithful: bool = False) -> bytes:
    """Encode `rgb` (H, W, 3) as the result of `photo`: its format and, if it has one, its alpha.

    `faithful` is for what has no paint on it, and takes about twice the bytes. Raises ValueError
    when the size is not exactly the photo's.
    """
    if rgb.shape != photo.rgb.shape:
        raise ValueError(f"a result of {rgb.shape} for a photo of {photo.rgb.shape}")
    # A fresh picture made of an array has no Exif, XMP, comment or profile of its own.
    image = Image.fromarray(rgb)
    if photo.alpha is not None and photo.format != "JPEG":
        image.putalpha(Image.fromarray(photo.alpha))
    file = io.BytesIO()
    options = _FAITHFUL_OPTIONS if faithful else _OPTIONS
    image.save(file, photo.format, **options[photo.format], **_metadata(photo))
    return file.getvalue()


def _metadata(photo: Photo) -> dict[str, object]:
    """Pillow's options that write a photo's metadata, in the way of its result's format."""
    exif, packet = photo.metadata.exif, photo.metadata.xmp
    options: dict[str, object] = {"exif": b"Exif\0\0" + exif} if exif else {}
    if packet and photo.format == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", packet.decode())
        return options | {"pnginfo": texts}
    return options | ({"xmp": packet} if packet else {})


def result_name(photo_name: str, format: ResultFormat, stem: str | None = None) -> str:
    """Name a result as its photo, with an extension that fits the format.

    `stem` goes before an extension other than the photo's own, if the album has planned it.
    """
    fitting = EXTENSIONS[format]
    if photo_name.lower().endswith(fitting):
        return photo_name
    if stem is not None:
        return stem + fitting[0]
    own = _EXTENSION.sub("", photo_name).encode()[: _MAX_NAME_BYTES - len(fitting[0])]
    return own.decode(errors="ignore") + fitting[0]
