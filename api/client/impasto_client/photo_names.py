"""Names of photos: hostile ones made safe, and each one unique in its album.

A name ends up as a file on somebody's disk, as a member of a zip and inside an object key, so it
is made safe for all of them at once: one path component, printable, not reserved by Windows.
"""

import re
import unicodedata
from pathlib import PurePosixPath

#: Bytes (UTF-8) a name may have: what file systems take.
MAX_NAME_BYTES = 255
#: Bytes of an overlong name's extension that are worth keeping.
MAX_SUFFIX_BYTES = 16
#: What a photo is called when nothing of its name can be kept.
NAMELESS = "photo"

_SEPARATORS = re.compile(r"[/\\]")
_FORBIDDEN = re.compile(r'[<>:"|?*]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
#: Invisible characters that turn the direction of what is read, or only hide. The joiners that
#: Persian and emoji are written with, and the tags of flags, are none of them.
_DECEPTIVE = re.compile(
    "[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2061-\u206f\ufeff\ufff9-\ufffb]"
)
_JOINERS = "\u200c\u200d\u2060"
#: Names that are the extension of a picture and nothing else.
_BARE_SUFFIX = re.compile(
    r"(jpe?g|jpe|jfif|png|webp|gif|bmp|tiff?|hei[cf]|avif|jxl)", re.IGNORECASE
)


def safe_name(raw: str) -> str:
    """Return the last path component of `raw` as a name that every file system takes.

    Never empty, never a path, at most MAX_NAME_BYTES long; a safe name comes back as it is.
    """
    name = _SEPARATORS.split(raw)[-1]
    name = unicodedata.normalize("NFC", "".join(_printable(char) for char in name))
    name = _FORBIDDEN.sub("_", name)
    stem, _, suffix = name.strip(f" {_JOINERS}").rpartition(".")
    if not stem.strip(f" .{_JOINERS}") and _BARE_SUFFIX.fullmatch(suffix):
        # Without this, `.jpg`, or what only its suffix is left of, would become `jpg.jpg`.
        name = f"{NAMELESS}.{suffix}"
    name = _shorten(_trim(name))
    if _RESERVED.match(name):
        name = _shorten(f"_{name}")
    return name if name.strip(_JOINERS) else NAMELESS


class UniqueNames:
    """Hands out names that differ from each other without regard to case."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def take(self, name: str) -> str:
        """Return `name`, or `stem-2.suffix`, `stem-3.suffix`, … when it is taken already."""
        folded = _fold(name)
        if folded not in self._taken:
            self._taken.add(folded)
            return name
        return self._numbered(name, folded)

    def _numbered(self, name: str, folded: str) -> str:
        number = self._next.get(folded, 2)
        while _fold(candidate := numbered(name, number)) in self._taken:
            number += 1
        # Remembered, so that a thousand photos called the same do not count up a thousand times.
        self._next[folded] = number + 1
        self._taken.add(_fold(candidate))
        return candidate


def numbered(name: str, number: int) -> str:
    """Return `stem-2.suffix` for `stem.suffix`, the stem cut where it would be too long."""
    stem, suffix = split_suffix(name)
    ending = f"-{number}{suffix}"
    return _cut(stem, MAX_NAME_BYTES - len(ending.encode())) + ending


def split_suffix(name: str) -> tuple[str, str]:
    """Split `a.b.jpg` into `a.b` and `.jpg`; a name without a dot has no suffix."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix) if stem else (name, "")


def _printable(char: str) -> str:
    """Blank out odd white space; drop control, surrogate and deceptive characters.

    Unassigned ones stay: to an older table of Unicode, a new emoji is one.
    """
    category = unicodedata.category(char)
    if category.startswith("Z"):
        return " "
    dropped = category in ("Cc", "Cs") or _is_noncharacter(char) or _DECEPTIVE.match(char)
    return "" if dropped else char


def _is_noncharacter(char: str) -> bool:
    """Whether Unicode says that a code point will never be a character."""
    return ord(char) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(char) <= 0xFDEF


def _trim(name: str) -> str:
    """Windows drops dots and blanks at the end; a dot in front hides a file elsewhere."""
    return name.strip(" .")


def _shorten(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, suffix = split_suffix(name)
    if len(suffix.encode()) > MAX_SUFFIX_BYTES:
        stem, suffix = name, ""
    return _cut(stem, MAX_NAME_BYTES - len(suffix.encode())) + suffix


def _cut(stem: str, room: int) -> str:
    """Return as much of a stem as fits into `room` bytes, with no character cut."""
    if len(stem.encode()) <= room:
        return stem
    return _trim(stem.encode()[:room].decode(errors="ignore").rstrip(_JOINERS))


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())


def safe_path(raw: str) -> PurePosixPath:
    """Return `raw` as a path that stays inside its folder, of names that every file system takes.

    Folders are told apart by `/`. What leads upwards, or nowhere, is dropped.
    """
    *folders, name = raw.split("/")
    kept = [safe_name(folder) for folder in folders if folder.strip(" .")]
    return PurePosixPath(*kept, safe_name(name))
