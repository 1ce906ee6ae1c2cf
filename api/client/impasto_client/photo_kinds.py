"""What is worth sending of a folder of photos: by names, and by the first bytes of a file.

The service judges each photo by its content and says why it cannot paint one. This only keeps back
what can be no photo, so that a phone's videos and a takeout's sidecar files are not uploaded first.
"""

from pathlib import PurePath

#: First bytes of the files that the service takes for ZIP archives.
ARCHIVE_BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06")
#: Bytes of a file that `may_be_photo` wants to see.
BEGINNING_BYTES = 32

#: What file managers, cameras and NAS boxes leave beside photos, folders as well as files.
CLUTTER = frozenset(
    {
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "picasa.ini"),
        *("zbthumbnail.info", "icon\r", "__macosx", "network trash folder", "temporary items"),
        *("@eadir", "@tmp", "#recycle", "#snapshot", "@recycle", "@recently-snapshot"),
        *("$recycle.bin", "system volume information", "lost+found", "lost.dir"),
    }
)

#: Formats that the service paints.
PAINTED_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".tif", ".tiff", ".bmp"),
        *(".dib", ".gif", ".heic", ".heif", ".hif", ".avif"),
    }
)
#: Pictures that come back with the reason why they are not painted.
REFUSED_SUFFIXES = frozenset(
    {
        *(".jxl", ".jp2", ".j2k", ".jpx", ".heics", ".avifs", ".psd"),
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq"),
        *(".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2"),
        *(".rwl", ".sr2", ".srf", ".srw", ".x3f"),
    }
)
_SUFFIXES = PAINTED_SUFFIXES | REFUSED_SUFFIXES | {".zip"}

_BEGINNINGS = (
    *ARCHIVE_BEGINNINGS,
    *(b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a"),
    *(b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
)
#: Brands of an ISO file (its bytes 8 to 12, behind `ftyp`) that are pictures and not films.
_PICTURE_BRANDS = frozenset(
    {*(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")}
)


def is_clutter(name: str) -> bool:
    """Whether a file or folder of this name is passed over: hidden, or left by some program."""
    return name.startswith(".") or name.casefold() in CLUTTER


def is_archive(beginning: bytes) -> bool:
    """Whether the service takes a file with these first bytes for a ZIP file of photos."""
    return beginning.startswith(ARCHIVE_BEGINNINGS)


def may_be_photo(name: str, beginning: bytes) -> bool:
    """Whether a file is worth sending, by its name or else by its first BEGINNING_BYTES bytes."""
    return PurePath(name).suffix.lower() in _SUFFIXES or _begins_like_photo(beginning)


def _begins_like_photo(beginning: bytes) -> bool:
    if beginning[4:8] == b"ftyp":
        return beginning[8:12] in _PICTURE_BRANDS
    is_webp = beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP"
    is_bitmap = beginning[:2] == b"BM" and beginning[6:10] == bytes(4)  # a text may begin with BM
    return is_webp or is_bitmap or beginning.startswith(_BEGINNINGS)
