"""The folder that results go to: each beside the others as its photo is, and in no file's place."""

import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from api.cli.photos import Photo
from impasto_client import Client, Item
from impasto_client.photo_names import UniqueNames, safe_path


class ResultFolder:
    """Fetches results into a folder, and says where one could not have its name."""

    def __init__(
        self,
        client: Client,
        out: Path,
        *,
        overwrite: bool = False,
        sources: Sequence[Photo] | None = None,
    ) -> None:
        """`sources` are the album's files on this disk, where they are known: photos and archives.

        Without an archive there is one for each item; beside one they are found by their names.
        """
        self._client = client
        self._out = out
        self._overwrite = overwrite
        each = sources is not None and not any(source.is_archive for source in sources)
        self._each = sources if each else None
        self._by_name = {source.name: source for source in sources or () if not source.is_archive}
        self._kept = {source.path.resolve() for source in sources or ()}
        self._unique: dict[str, UniqueNames] = defaultdict(UniqueNames)
        #: Results that were there already, the same.
        self.equal = 0

    def source(self, item: Item) -> str | None:
        """Return the path of an item's photo on this disk, where it is known."""
        photo = self._photo(item)
        return None if photo is None else str(photo.path)

    def fetch(self, item: Item) -> Path:
        """Fetch the result of an item; returns its path."""
        place = self._place(item)
        wanted = self._out / place
        was_there = wanted.exists()
        overwrite = self._overwrite and wanted.resolve() not in self._kept
        photo = self._photo(item)
        path = self._client.download(
            item,
            self._out,
            name=str(place),
            overwrite=overwrite,
            modified_ns=_modified_ns(item) if photo is None else photo.modified,
        )
        self._tell(wanted, path, was_there=was_there and not overwrite)
        return path

    def _tell(self, wanted: Path, path: Path, *, was_there: bool) -> None:
        if path != wanted:
            tell_renamed(wanted, path)
        elif was_there:
            self.equal += 1

    def _photo(self, item: Item) -> Photo | None:
        return self._each[item.index] if self._each else self._by_name.get(item.source or "")

    def _place(self, item: Item) -> PurePosixPath:
        """Return the path below the folder: the service names results, each in its photo's place.

        A service before that named them alike in several folders.
        """
        place = safe_path(item.result_path or item.result_name or item.name)
        folder = str(place.parent).casefold()
        return place.with_name(self._unique[folder].take(place.name))


def _modified_ns(item: Item) -> int | None:
    """Return when an item's photo was changed last, as the service was told: to the second."""
    return None if item.modified is None else int(item.modified.timestamp()) * 10**9


def tell_renamed(wanted: Path, path: Path) -> None:
    """Say that a file kept its place, and under which name the new one is."""
    sys.stderr.write(f"{wanted} is another file and stays; the new one is {path.name}\n")
