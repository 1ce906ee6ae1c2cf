"""Cameras' raw files by their directories: most are TIFFs that begin with a preview.

Tags: TIFF/EP (ISO 12234-2), DNG 1.7, and the compressions that makers gave themselves.
"""

from collections.abc import Iterator

import tifffile

#: Letters that makers put behind the TIFF header.
_LETTERS = (b"CR", b"IIII", b"MMMM")

#: CFARepeatPatternDim, CFAPattern, DNGVersion, and the private data of Leaf, Sony and Hasselblad.
#: Not Exif's own CFAPattern and TIFF-EPStandardID: pictures developed from raw files carry them.
_TAGS = frozenset({33421, 33422, 50706, 34310, 50740, 46275})
#: A colour filter array, and DNG's linear raw.
_PHOTOMETRICS = frozenset({32803, 34892})
#: Sony, Samsung (two), Nikon, Pentax, Kodak (two).
_COMPRESSIONS = frozenset({32767, 32770, 32772, 34713, 65535, 262, 65000})
#: Directories that are looked at: raw files have a handful, archives of scans have thousands.
_MOST_DIRECTORIES = 16
_COMPRESSION, _PHOTOMETRIC = 259, 262


def is_raw(data: bytes, file: tifffile.TiffFile) -> bool:
    """Whether a TIFF is a camera's raw file, so that its first picture may be a mere preview."""
    return data[8:12].startswith(_LETTERS) or any(map(_says_raw, _directories(file)))


def _directories(file: tifffile.TiffFile) -> Iterator[tifffile.TiffPage]:
    """Yield the first directories, each one's children behind it."""
    left = _MOST_DIRECTORIES
    for page in file.pages:
        for directory in (page, *(page.pages or ())):
            if left == 0:
                return
            left -= 1
            if isinstance(directory, tifffile.TiffPage):
                yield directory


def _says_raw(directory: tifffile.TiffPage) -> bool:
    return (
        any(code in directory.tags for code in _TAGS)
        or directory.tags.valueof(_PHOTOMETRIC) in _PHOTOMETRICS
        or directory.tags.valueof(_COMPRESSION) in _COMPRESSIONS
    )
