"""Names of an album's photos, and of the results to come: planned when all of them are known.

A photo whose own name fits keeps it. Whose name another photo has, or has first, is numbered; so is
a result that needs another suffix than its photo, where the name with that suffix is somebody's.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from impasto_client.photo_names import MAX_NAME_BYTES, numbered, safe_name

#: The suffixes that results are given.
_RESULT_SUFFIXES: Final = (".jpg", ".png", ".webp", ".avif")
#: Bytes that a result's suffix takes at most.
_SUFFIX_BYTES: Final = 5
#: Folders around a photo, and their bytes, of which the inner ones are kept.
_MAX_FOLDERS: Final = 16
_MAX_FOLDERS_BYTES: Final = 512
#: What counts as a suffix, as it does when a result is named.
_SUFFIX: Final = re.compile(r"(?<=[^/])\.(?=\w*[a-z])[a-z0-9]{1,5}\Z", re.IGNORECASE)
#: Suffixes of what is painted under another name; its stem goes before that of films and texts.
_OTHER_PHOTOS: Final = (".bmp", ".dib", ".gif", ".heic", ".heif", ".hif", ".mpo", ".tif", ".tiff")


@dataclass(frozen=True, slots=True)
class PlannedName:
    """A photo's own path or name, and its result's without a suffix where it needs another one."""

    own: str
    stem: str


def safe_path(raw: str) -> str:
    """Return a path with `/` that stays within its folder, of names that every file system takes.

    What leads upwards, or nowhere, is dropped, and the outer ones of very many folders.
    """
    *folders, name = raw.split("/")
    kept = [safe_name(folder) for folder in folders[-_MAX_FOLDERS:] if folder.strip(" .")]
    while kept and len("/".join(kept).encode()) > _MAX_FOLDERS_BYTES:
        del kept[0]
    return "/".join((*kept, safe_name(name)))


def plan_names(paths: Sequence[str]) -> list[PlannedName]:
    """Give each of an album's safe paths a name that differs from all others whatever its case."""
    taken = set(_folders(paths))
    own = _own_paths(paths, taken)
    owners = {_fold(path): index for index, path in enumerate(own)}
    stems = _Stems(taken, owners)
    chosen = ["" for _ in own]
    for index in sorted(range(len(own)), key=lambda index: _rank(own[index])):
        chosen[index] = stems.take(own[index], index)
    return [PlannedName(*names) for names in zip(own, chosen, strict=True)]


def _own_paths(paths: Sequence[str], taken: set[str]) -> list[str]:
    """Let the first of a name have it, then number the others; `taken` grows by them all."""
    own: list[str | None] = []
    for path in paths:
        own.append(None if _fold(path) in taken else path)
        taken.add(_fold(path))
    counts: dict[str, int] = {}
    return [
        _numbered(wanted, taken, counts) if path is None else path
        for path, wanted in zip(own, paths, strict=True)
    ]


def _numbered(path: str, taken: set[str], counts: dict[str, int]) -> str:
    folder, name = _split(path)
    folded = _fold(path)
    number = counts.get(folded, 2)
    while _fold(candidate := folder + numbered(name, number)) in taken:
        number += 1
    # Remembered, so that a thousand photos called the same do not count up a thousand times.
    counts[folded] = number + 1
    taken.add(_fold(candidate))
    return candidate


class _Stems:
    """Hands out paths without a suffix with which no result takes another's name."""

    def __init__(self, names: Collection[str], owners: Mapping[str, int]) -> None:
        """`names` are all that are taken, folded; `owners` says which photo has which."""
        self._names = names
        self._owners = owners
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}

    def take(self, path: str, index: int) -> str:
        """Return the stem of the photo `index`, whose own path is `path`."""
        folder, name = _split(path)
        stem = _shortened(_SUFFIX.sub("", name), "")
        folded = _fold(folder + stem)
        candidate, number = stem, self._counts.get(folded, 1)
        if number > 1:
            candidate = _shortened(stem, f"-{number}")
        while not self._is_free(_fold(folder + candidate), index):
            number += 1
            candidate = _shortened(stem, f"-{number}")
        self._counts[folded] = number + 1
        self._taken.add(_fold(folder + candidate))
        return folder + candidate

    def _is_free(self, folded: str, index: int) -> bool:
        named = (folded + suffix for suffix in _RESULT_SUFFIXES)
        return folded not in self._taken and all(
            full not in self._names or self._owners.get(full) == index for full in named
        )


def _shortened(stem: str, ending: str) -> str:
    room = MAX_NAME_BYTES - _SUFFIX_BYTES - len(ending)
    return stem.encode()[:room].decode(errors="ignore") + ending


def _rank(path: str) -> int:
    """Say who has the first choice of a stem: photos that keep their name do not need one."""
    if path.lower().endswith(_OTHER_PHOTOS):
        return 0
    return 1 if path.lower().endswith(_RESULT_SUFFIXES) else 2


def _folders(paths: Iterable[str]) -> Iterator[str]:
    """Yield the folders of paths: a file beside one must not have its name."""
    for path in paths:
        at = path.find("/")
        while at >= 0:
            yield _fold(path[:at])
            at = path.find("/", at + 1)


def _split(path: str) -> tuple[str, str]:
    folder, slash, name = path.rpartition("/")
    return folder + slash, name


def _fold(path: str) -> str:
    return unicodedata.normalize("NFC", path.casefold())
