"""Files that appear whole or not at all, and that never take another file's place unasked."""

import filecmp
import os
import secrets
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from .photo_names import split_suffix

#: Bytes that file systems take for a name.
MAX_NAME_BYTES = 255


@contextmanager
def partial_file(path: Path) -> Generator[Path]:
    """Name a hidden file beside `path` to write to; it is gone afterwards, moved or not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{secrets.token_hex(8)}.part")  # short, however long the name is
    try:
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def move_into_place(partial: Path, path: Path, *, overwrite: bool) -> Path:
    """Move a finished file to `path`, or to a new name where another file is; return its path.

    A file with the same bytes, there or at one of the new names, is left as it is.
    """
    if overwrite:
        partial.replace(path)
        return path
    for candidate in _names(path):
        if _claim(candidate):
            partial.replace(candidate)
            return candidate
        if candidate.is_file() and filecmp.cmp(partial, candidate, shallow=False):
            return candidate
    raise AssertionError("the names never end")


def _names(path: Path) -> Iterator[Path]:
    """Yield `a.png`, `a-2.png`, `a-3.png`, …"""
    yield path
    stem, suffix = split_suffix(path.name)
    for number in count(2):
        tail = f"-{number}{suffix}"
        room = MAX_NAME_BYTES - len(os.fsencode(tail))
        yield path.with_name(os.fsencode(stem)[:room].decode(errors="ignore") + tail)


def _claim(path: Path) -> bool:
    """Create an empty file, so that no other process takes the name; return whether it is new."""
    try:
        path.open("xb").close()
    except FileExistsError:
        return False
    return True
