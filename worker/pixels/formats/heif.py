"""HEIC and HEIF photos, decoded by libheif as pi-heif brings it: a decoder without an encoder."""

import io

import pi_heif
from PIL import Image

from worker.pixels.formats import bmff
from worker.pixels.photo import PixelLimits

#: A decoder's time limit counts the CPU time of all threads, and more are no faster for one photo.
pi_heif.options.DECODE_THREADS = 1

_ORIENTATION = 0x0112


def read_heif(data: bytes, limits: PixelLimits) -> tuple[Image.Image, int, bytes, int]:
    """Read the primary picture at 8 bits a sample, the orientation left to apply, and Exif.

    The last value is how many pictures the file holds, thumbnails and maps not counted.

    libheif turns as the container says. Exif's word counts where the container has none: files
    that have both mean one turn. Raises PhotoRejected and what libheif raises for what is broken.
    """
    file = pi_heif.open_heif(io.BytesIO(data))
    limits.check(*file.size)
    image = file.to_pillow()
    block = file.info.get("exif") or b""
    turned = bmff.primary(data).turned
    return image, 1 if turned else _exif_orientation(block), block, len(file)


def _exif_orientation(block: bytes) -> int:
    exif = Image.Exif()
    try:
        exif.load(block)
        return int(exif.get(_ORIENTATION, 1))
    except Exception:
        return 1  # Broken Exif leaves the photo as it is.
