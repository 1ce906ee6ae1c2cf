"""Names of photos: hostile ones made safe, and each one unique in its album.

A name ends up as a file on somebody's disk, as a member of a zip and inside an object key, so it
is made safe for all of them at once: one path component, printable, not reserved by Windows.
"""

import re
import unicodedata

#: Bytes (UTF-8) a name may have: room for a number and a suffix in 255-byte file systems.
MAX_NAME_BYTES = 150
#: Bytes of an overlong name's extension that are worth keeping.
MAX_SUFFIX_BYTES = 16
#: What a photo is called when nothing of its name can be kept.
NAMELESS = "photo"

_SEPARATORS = re.compile(r"[/\\]")
_FORBIDDEN = re.compile(r'[<>:"|?*]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)


def safe_name(raw: str) -> str:
    """Return the last path component of `raw` as a name that every file system takes.

    Never empty, never a path, at most MAX_NAME_BYTES long; a safe name comes back as it is.
    """
    name = _SEPARATORS.split(raw)[-1]
    name = unicodedata.normalize("NFC", "".join(_printable(char) for char in name))
    name = _shorten(_trim(_FORBIDDEN.sub("_", name)))
    if _RESERVED.match(name):
        name = _shorten(f"_{name}")
    return name or NAMELESS


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
        stem, suffix = split_suffix(name)
        number = self._next.get(folded, 2)
        while _fold(candidate := f"{stem}-{number}{suffix}") in self._taken:
            number += 1
        # Remembered, so that a thousand photos called the same do not count up a thousand times.
        self._next[folded] = number + 1
        self._taken.add(_fold(candidate))
        return candidate


def split_suffix(name: str) -> tuple[str, str]:
    """Split `a.b.jpg` into `a.b` and `.jpg`; a name without a dot has no suffix."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix) if stem else (name, "")


def _printable(char: str) -> str:
    """Blank out odd white space; drop control, format, surrogate and unassigned characters."""
    category = unicodedata.category(char)
    if category.startswith("Z"):
        return " "
    return "" if category.startswith("C") else char


def _trim(name: str) -> str:
    """Windows drops dots and blanks at the end; a dot in front hides a file elsewhere."""
    return name.lstrip(" .").rstrip(" .")


def _shorten(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, suffix = split_suffix(name)
    if len(suffix.encode()) > MAX_SUFFIX_BYTES:
        stem, suffix = name, ""
    room = MAX_NAME_BYTES - len(suffix.encode())
    return _trim(stem.encode()[:room].decode(errors="ignore")) + suffix


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())
