"""The folder that results go to: each beside the others as its photo is, and in no file's place."""

import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from api.cli.photos import Photo
from impasto_client import Client, Item
from impasto_client.photo_names import UniqueNames, safe_name, split_suffix
from impasto_client.photo_paths import safe_path


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
        """`sources` are the album's photos on this disk, one an item, where they are known."""
        self._client = client
        self._out = out
        self._overwrite = overwrite
        self._sources = sources
        self._kept = {source.path.resolve() for source in sources or ()}
        self._unique: dict[str, UniqueNames] = defaultdict(UniqueNames)
        #: Photos' own paths, each for the result that fits it; all others make way.
        self._own = {safe_path(source.name) for source in sources or ()}
        for path in self._own:
            self._take(path)
        #: Results that were there already, the same.
        self.equal = 0

    def source(self, item: Item) -> str | None:
        """Return the path of an item's photo on this disk, where it is known."""
        return str(self._sources[item.index].path) if self._sources else None

    def fetch(self, item: Item) -> Path:
        """Fetch the result of an item; returns its path."""
        place = self._place(item)
        wanted = self._out / place
        was_there = wanted.exists()
        overwrite = self._overwrite and wanted.resolve() not in self._kept
        path = self._client.download(
            item,
            self._out,
            name=str(place),
            overwrite=overwrite,
            modified_ns=self._sources[item.index].modified if self._sources else None,
        )
        self._tell(wanted, path, was_there=was_there and not overwrite)
        return path

    def _tell(self, wanted: Path, path: Path, *, was_there: bool) -> None:
        if path != wanted:
            tell_renamed(wanted, path)
        elif was_there:
            self.equal += 1

    def _place(self, item: Item) -> PurePosixPath:
        """Return the path below the folder: the photo's own, with the result's suffix."""
        name = safe_name(item.result_name or item.name)
        if self._sources is None:
            return self._take(safe_path(item.result_path or name))
        own = safe_path(self._sources[item.index].name)
        place = own.with_name(split_suffix(own.name)[0] + split_suffix(name)[1])
        if place == own and own in self._own:
            self._own.remove(own)
            return own
        return self._take(place)

    def _take(self, place: PurePosixPath) -> PurePosixPath:
        folder = str(place.parent).casefold()
        return place.with_name(self._unique[folder].take(place.name))


def tell_renamed(wanted: Path, path: Path) -> None:
    """Say that a file kept its place, and under which name the new one is."""
    sys.stderr.write(f"{wanted} is another file and stays; the new one is {path.name}\n")
