"""Bytes ↔ pixels: photo files of any kind in, upright sRGB arrays out, and back again."""

from worker.pixels.decode import decode
from worker.pixels.encode import encode, result_name
from worker.pixels.photo import Photo, PhotoRejected, PixelLimits

__all__ = [
    "Photo",
    "PhotoRejected",
    "PixelLimits",
    "decode",
    "encode",
    "result_name",
]
