"""The two blocks of metadata that a result's file may hold."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metadata:
    """Blocks as files hold them; an empty one is left out.

    `exif` begins with its TIFF header, without the six bytes that JPEGs put before it; `xmp` is a
    packet in UTF-8.
    """

    exif: bytes = b""
    xmp: bytes = b""
