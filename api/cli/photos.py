"""From the command line's arguments to the photos of an album."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from api.cli.service import UsageError

#: First bytes of the files that the service takes for ZIP archives.
ARCHIVE_BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06")


def collect_photos(arguments: Iterable[Path]) -> list[Path]:
    """Return the files among the arguments, and every file in their folders that is not hidden.

    Files of a folder come in the order of their names, and are taken whatever they are: what is
    no photo comes back with the reason. No file comes twice. Raises UsageError for one that is
    not there or cannot be read, and when nothing is left.
    """
    photos = list(dict.fromkeys(path for argument in arguments for path in _files(argument)))
    if not photos:
        raise UsageError("There are no photos there: name files, or folders with files in them.")
    if unreadable := [path for path in photos if not os.access(path, os.R_OK)]:
        raise UsageError(f"{unreadable[0]} cannot be read; check its permissions.")
    return photos


def check_out(out: Path, photos: Iterable[Path] = ()) -> None:
    """Check the folder for results: it must be writable, and must not hold the photos themselves.

    Raises UsageError, so that nothing is painted that cannot be kept.
    """
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not there.is_dir():
        raise UsageError(f"--out {out} is no folder: {there} is a file; name another one.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(f"--out {out} cannot be written: check the permissions of {there}.")
    target = out.resolve()
    if inside := next((photo for photo in photos if photo.resolve().parent == target), None):
        raise UsageError(
            f"--out {out} holds {inside.name} itself, which its result would replace; "
            "name another folder."
        )


def each_is_a_photo(files: Iterable[Path]) -> bool:
    """Whether no file is an archive, so that the album has one photo for each."""
    return not any(_begins_like_zip(path) for path in files)


def _begins_like_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(ARCHIVE_BEGINNINGS[0])) in ARCHIVE_BEGINNINGS


def _files(argument: Path) -> Iterator[Path]:
    if argument.is_dir():
        yield from _walk(argument)
    elif argument.is_file():
        yield argument
    else:
        raise UsageError(f"{argument} is not there.")


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            if not name.startswith(".") and path.is_file():
                yield path
