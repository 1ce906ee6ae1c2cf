"""Names of a ZIP file's members, from their bytes: which of many code pages they are in.

After PKWARE's APPNOTE.TXT 6.3.10, appendix D, and what archivers really do: the Unicode-path extra
field counts first, then whatever is UTF-8, flagged or not. What is left is in the code page of the
Windows it was made on, one for the whole archive, which nothing names: a detector tells it.
"""

import re
import struct
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import chardet

#: Info-ZIP's Unicode path: a version, the CRC-32 of the name that it replaces, the name in UTF-8.
_UNICODE_PATH: Final = 0x7075
_UNICODE_PATH_HEAD: Final = struct.Struct("<BL")

#: The code pages that archivers on Windows write, by the detector's names, and Python's.
_PAGES: Final = {
    "CP932": "cp932",
    "GB18030": "gb18030",
    "Big5": "cp950",
    "CP949": "cp949",
    "cp437": "cp437",
    "cp850": "cp850",
    "cp852": "cp852",
    "IBM866": "cp866",
    "cp737": "cp737",
    "cp857": "cp857",
    "cp862": "cp862",
    "CP874": "cp874",
}
#: Those in which a character may take two bytes, in the order in which they are tried.
_DOUBLE: Final = ("CP932", "GB18030", "Big5", "CP949")
#: What ZIP has by its own specification, and has a character for every byte.
_LAST_RESORT: Final = "cp437"

#: What may be such a character, with a backslash or a bar for its second byte.
_TWO_BYTES: Final = re.compile(rb"[\x80-\xff][\\|]")
#: Planes of Unicode without a character: bytes that are UTF-8 by chance alone.
_UNASSIGNED: Final = re.compile("[\U00040000-\U000dffff]")
#: Characters of a double-byte page that people's words are made of, and ASCII: its first level.
_COMMON: Final = {
    "CP932": re.compile(rb"(?:[\0-\x7f]|[\x81-\x97].|[\xa1-\xdf])*", re.DOTALL),
    "GB18030": re.compile(rb"(?:[\0-\x7f]|[\xa1-\xd7][\xa1-\xfe])*", re.DOTALL),
    "Big5": re.compile(rb"(?:[\0-\x7f]|[\xa1-\xc6][\x40-\xfe])*", re.DOTALL),
    "CP949": re.compile(rb"(?:[\0-\x7f]|[\xa1-\xc8][\xa1-\xfe])*", re.DOTALL),
}
#: What no code page gives a meaning; Python reads single bytes as such.
_PRIVATE: Final = re.compile("[\ue000-\uf8ff]")
#: Names that are looked at for what nobody writes, and bytes of names that the detector is given.
_SAMPLE_NAMES: Final = 500
_SAMPLE_BYTES: Final = 16 * 1024
#: Systems (APPNOTE 4.4.2) on which a backslash is in no name, and that programs write between
#: folders, against 4.4.17: MS-DOS and Windows.
_MADE_ON_WINDOWS: Final = frozenset({0, 10, 11, 14})


@dataclass(frozen=True, slots=True)
class RawName:
    """A member's name as it lies in the directory, and what tells how to read it."""

    name: bytes
    extra: bytes
    #: The system that the member was made on, a number of APPNOTE's.
    system: int


def decode_names(raw: Sequence[RawName]) -> list[str]:
    """Return the paths of an archive's members, with `/` between folders, whatever bytes they are.

    A backslash that is left is a part of a name, as it can be on any system but Windows, or the
    second byte of a character that no code page explains.
    """
    known = [_in_unicode(one) for one in raw]
    unknown = [one.name for one, name in zip(raw, known, strict=True) if name is None]
    page = _code_page(unknown)
    names = [
        one.name.decode(page) if name is None else name
        for one, name in zip(raw, known, strict=True)
    ]
    is_certain = page != _LAST_RESORT or not any(map(_TWO_BYTES.search, unknown))
    if is_certain and all(one.system in _MADE_ON_WINDOWS for one in raw):
        return [name.replace("\\", "/") for name in names]
    return names


def _in_unicode(raw: RawName) -> str | None:
    """Return a name that is in Unicode: by its extra field, or because its bytes are UTF-8."""
    try:
        name = (_unicode_path(raw) or raw.name).decode()
    except UnicodeDecodeError:
        return None
    return None if _UNASSIGNED.search(name) else name


def _unicode_path(raw: RawName) -> bytes | None:
    """Return the Unicode path, if there is one and it is that of this very name."""
    field = extra_field(raw.extra, _UNICODE_PATH)
    if len(field) <= _UNICODE_PATH_HEAD.size:
        return None
    version, crc = _UNICODE_PATH_HEAD.unpack_from(field)
    path = field[_UNICODE_PATH_HEAD.size :]
    is_valid = version == 1 and crc == zlib.crc32(raw.name) and _is_utf8(path)
    return path if is_valid else None


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def extra_field(extra: bytes, kind: int) -> bytes:
    """Return the field of a kind in a member's extra fields; empty where there is none."""
    at, found = 0, b""
    while at + 4 <= len(extra):
        here, length = struct.unpack_from("<HH", extra, at)
        if here == kind:
            found = extra[at + 4 : at + 4 + length]
        at += 4 + length
    return found


def _code_page(names: Sequence[bytes]) -> str:
    """Return Python's name of the code page that all these names are in."""
    sample = b"\n".join(dict.fromkeys(names))[:_SAMPLE_BYTES]
    if not sample:
        return _LAST_RESORT
    found = chardet.detect_all(sample, ignore_threshold=True, include_encodings=_PAGES)
    likely = [page for one in found if (page := str(one["encoding"])) in _PAGES]
    if _TWO_BYTES.search(sample):
        # As text of single bytes such names would have separators in odd places.
        likely = [page for page in (*likely, *_DOUBLE) if page in _DOUBLE]
    fitting = [page for page in likely if _explains(_PAGES[page], names)]
    # Of a word or two a detector tells little. What nobody writes speaks against its first choice,
    # then for a page of double bytes in which the words are common, then for its later ones.
    common = [page for page in _DOUBLE if _is_common(page, names)]
    others = [page for page in fitting[1:] if page not in _DOUBLE]
    ranked = (*fitting[:1], *common, *others)
    written = (page for page in ranked if _is_written(_PAGES[page], names))
    return _PAGES[next(written, fitting[0] if fitting else _LAST_RESORT)]


def _is_common(page: str, names: Sequence[bytes]) -> bool:
    return all(map(_COMMON[page].fullmatch, names)) and _explains(_PAGES[page], names)


def _is_written(page: str, names: Sequence[bytes]) -> bool:
    """Whether names in a page are words: no capital behind a small letter, no second alphabet.

    Of ASCII letters alone the former is usual, as in `iPhone`.
    """
    looked_at = (name.decode(page) for name in names[:_SAMPLE_NAMES])
    return not any(_is_odd(*pair) for name in looked_at for pair in pairwise(name))


def _is_odd(before: str, char: str) -> bool:
    if before.isascii() and char.isascii():
        return False
    capital = before.islower() and char.isupper()
    mixed = before.isalpha() and char.isalpha() and _is_foreign(before) != _is_foreign(char)
    return capital or mixed or any(map(_is_sign, (before, char)))


def _is_foreign(letter: str) -> bool:
    """Whether a letter is of an alphabet beside which no Latin letter stands in a word."""
    return unicodedata.name(letter, "").startswith(("CYRILLIC", "GREEK", "HEBREW", "THAI"))


def _is_sign(char: str) -> bool:
    return not char.isascii() and unicodedata.category(char) in ("Sm", "Sk", "Cc")


def _explains(page: str, names: Sequence[bytes]) -> bool:
    try:
        return not any(_PRIVATE.search(name.decode(page)) for name in names)
    except UnicodeDecodeError:
        return False
