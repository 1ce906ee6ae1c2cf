"""From the command line's arguments to the photos of an album, and what is left out of it.

One file that cannot be read never stops the others: it is left out, and told in a line.
"""

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from api.cli.service import UsageError
from impasto_client import Limits
from impasto_client.photo_kinds import BEGINNING_BYTES, is_archive, is_clutter, may_be_photo

#: Lines about what is left out, and kinds of files in a line, before it is cut short.
MAX_LINES, MAX_KINDS = 50, 6
#: How a folder is listed: `os.scandir`.
Listing = Callable[[Path], AbstractContextManager[Iterator["os.DirEntry[str]"]]]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something among the photos that is not sent, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Photo:
    """A file to send: a photo, or a ZIP file of photos."""

    path: Path
    #: Its path in the album, with `/`: where its result goes below --out.
    name: str
    #: Bytes, and when it was changed last (nanoseconds since the epoch).
    size: int
    modified: int
    is_archive: bool


@dataclass(slots=True)
class Album:
    """What was found at the arguments of a command."""

    photos: list[Photo] = field(default_factory=list[Photo])
    left_out: list[LeftOut] = field(default_factory=list[LeftOut])
    #: Files that can be no photos.
    others: list[Path] = field(default_factory=list[Path])


def collect_photos(
    arguments: Sequence[Path],
    *,
    limits: Limits,
    out: Path | None = None,
    listing: Listing = os.scandir,
) -> Album:
    """Return the files among the arguments, and those of their folders, as an album.

    Files of a folder come in the order of their names; the folder `out` within it is passed over,
    as is what is hidden or clutter. With several folders each keeps its own name. No file comes
    twice. Raises UsageError for an argument that is not there, when nothing is left, and for more
    photos than an album may have.
    """
    if gone := next((path for path in arguments if not os.path.lexists(path)), None):
        raise UsageError(f"{gone} is not there.")
    finder = _Finder(limits, out, listing)
    folders = dict.fromkeys(path.resolve() for path in arguments if path.is_dir())
    for argument in arguments:
        if argument.is_dir():
            finder.walk(argument, f"{argument.resolve().name}/" if len(folders) > 1 else "")
        else:
            finder.take(argument, argument.name)
    if not finder.album.photos:
        raise UsageError(_nothing(finder.album))
    if (count := len(finder.album.photos)) > limits.album_photos:
        raise UsageError(
            f"There are {count} photos, and an album may have {limits.album_photos}; send them in "
            "parts."
        )
    return finder.album


def check_out(out: Path, photos: Iterable[Photo] = ()) -> None:
    """Check the folder for results: it must be writable, and must not hold the photos themselves.

    Raises UsageError, so that nothing is painted that cannot be kept.
    """
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not there.is_dir():
        raise UsageError(f"--out {out} is no folder: {there} is a file; name another one.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(f"--out {out} cannot be written: check the permissions of {there}.")
    if inside := next((photo for photo in photos if _lies_at_its_result(photo, out)), None):
        raise UsageError(
            f"--out {out} holds {inside.name} itself, which its result would replace; "
            "name another folder."
        )


def _lies_at_its_result(photo: Photo, out: Path) -> bool:
    return (out / photo.name).parent.resolve() == photo.path.parent.resolve()


class _Finder:
    """Finds photos, one argument after the other."""

    def __init__(self, limits: Limits, out: Path | None, listing: Listing) -> None:
        self.album = Album()
        self._limits = limits
        self._out = None if out is None else out.resolve()
        self._listing = listing
        self._seen: set[Path] = set()

    def walk(self, folder: Path, prefix: str) -> None:
        """Take the files of a folder, which come into the album under `prefix`."""
        try:
            with self._listing(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            self._leave_out(folder, f"this folder {_cannot(error)}")
            return
        folders: list[os.DirEntry[str]] = []
        for entry in entries:
            if is_clutter(entry.name):
                continue
            if _is_folder(entry):
                folders.append(entry)
            else:
                self.take(Path(folder, entry.name), prefix + entry.name)
        for entry in folders:
            self._descend(Path(folder, entry.name), f"{prefix}{entry.name}/")

    def take(self, path: Path, name: str) -> None:
        """Take one file, if it can be a photo and be sent."""
        if path in self._seen:
            return
        self._seen.add(path)
        try:
            found = path.stat()
            beginning = _beginning(path) if stat.S_ISREG(found.st_mode) else b""
        except OSError as error:
            self._leave_out(path, _cannot(error))
            return
        if not stat.S_ISREG(found.st_mode) or not may_be_photo(path.name, beginning):
            self.album.others.append(path)
            return
        archive = is_archive(beginning)
        limit = self._limits.archive_bytes if archive else self._limits.photo_bytes
        if found.st_size > limit:
            self._leave_out(path, _too_large(found.st_size, limit))
            return
        self.album.photos.append(Photo(path, name, found.st_size, found.st_mtime_ns, archive))

    def _descend(self, folder: Path, prefix: str) -> None:
        if folder.resolve() == self._out:
            return
        if folder.is_symlink():
            self._leave_out(folder, "is a link to a folder, which is not followed; name it to send")
        else:
            self.walk(folder, prefix)

    def _leave_out(self, path: Path, reason: str) -> None:
        self.album.left_out.append(LeftOut(path, reason))


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # then reading it as a file fails too, and says why
        return False


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(BEGINNING_BYTES)


def _cannot(error: OSError) -> str:
    return f"cannot be read ({error.strerror or error})"


def _too_large(size: int, limit: int) -> str:
    has, allowed = shown_size(size), shown_size(limit)
    if has == allowed:
        has, allowed = f"{size:,} bytes", f"{limit:,} bytes"
    return f"has {has}, more than the {allowed} allowed"


def shown_size(size: int) -> str:
    """Write a number of bytes for people."""
    return f"{size:,} bytes" if size < 2**20 else f"{size / 2**20:,.0f} MiB"


def _nothing(album: Album) -> str:
    """Say why nothing is left, in one line."""
    reasons = [f"{item.path} {item.reason}" for item in album.left_out]
    if album.others:
        reasons.append(_others_line(album.others))
    hint = "name files, or folders with files in them."
    return f"There are no photos there: {'; '.join(reasons) or hint}"


def tell_left_out(left_out: Sequence[LeftOut], others: Sequence[Path] = ()) -> None:
    """Say what is not sent: each in a line of its own, and what can be no photo in one."""
    for item in left_out[:MAX_LINES]:
        sys.stderr.write(f"left out: {item.path} {item.reason}\n")
    if len(left_out) > MAX_LINES:
        sys.stderr.write(f"left out: {len(left_out) - MAX_LINES} more\n")
    if others:
        sys.stderr.write(f"{_others_line(others)}\n")


def _others_line(others: Sequence[Path]) -> str:
    kinds = sorted({path.suffix.lower() or path.name for path in others})
    shown = ", ".join(kinds[:MAX_KINDS]) + (", …" if len(kinds) > MAX_KINDS else "")
    count = f"{len(others)} files are no photos" if len(others) > 1 else "1 file is no photo"
    return f"{count} and not sent ({shown})."
