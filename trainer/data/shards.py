"""A prepared corpus in the bucket: tar shards of small JPEGs, read through a bounded cache.

`corpus.json` is written last: a corpus that has one is whole. A shard's own index says where in
the tar each photo lies, so that one is read without its neighbours.
"""

import hashlib
import io
import os
from bisect import bisect_right
from collections import OrderedDict
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict

from infra import layout
from infra.errors import ImpastoError
from infra.storage.port import ObjectMissing, ObjectStore
from infra.tenants import corpus_command
from trainer.data.corpus import CorpusRejected, KeptPhotos


class CorpusMissing(ImpastoError):
    """No corpus of that name has been prepared."""

    type = "corpus-missing"
    title = "There is no such corpus."


class IndexPart(BaseModel):
    """An immutable part of an index."""

    model_config = ConfigDict(frozen=True)


class ShardPhoto(IndexPart):
    """One photo: its name where it came from, and where its JPEG lies in the tar."""

    name: str
    offset: int
    bytes: int


class SkippedPhoto(IndexPart):
    """A photo that could not be used, and why."""

    name: str
    reason: str


class ShardIndex(IndexPart):
    """The photos of one shard."""

    #: Hash (hex) over what it was made from; the same sources need not be read again.
    sources: str
    sha256: str
    bytes: int
    photos: list[ShardPhoto]
    skipped: list[SkippedPhoto]


class CorpusShard(IndexPart):
    """One shard's file: its hash and sizes, as the corpus lists it."""

    sha256: str
    bytes: int
    photos: int


class CorpusIndex(IndexPart):
    """The index of a corpus: its shards."""

    name: str
    #: Short side of every photo, pixels.
    side: int
    photos: int
    shards: int
    skipped: int
    files: list[CorpusShard]

    def sha256(self) -> str:
        """Return a hash (hex) over all shards."""
        joined = "".join(file.sha256 for file in self.files)
        return hashlib.sha256(joined.encode()).hexdigest()


class ShardCache:
    """Shards as files in a folder; the least recently used go beyond `limit_bytes`."""

    def __init__(self, *, objects: ObjectStore, folder: Path, limit_bytes: int) -> None:
        self._objects = objects
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[str, int] = OrderedDict()
        self._lock = Lock()
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.tar")):  # what an earlier process has left
            self._kept[path.stem] = path.stat().st_size

    def read(self, key: str, shard: CorpusShard, offset: int, size: int) -> bytes:
        """Return some bytes of a shard, fetching it where it is not there.

        Raises CorpusRejected when the shard is gone or is not what the index says.
        """
        with self._lock:
            # Opened under the lock: a shard that is given up meanwhile can still be read.
            descriptor = os.open(self._path(key, shard), os.O_RDONLY)
        try:
            return os.pread(descriptor, size, offset)
        finally:
            os.close(descriptor)

    def _path(self, key: str, shard: CorpusShard) -> Path:
        path = self._folder / f"{shard.sha256}.tar"
        if not path.exists() or path.stat().st_size != shard.bytes:  # cut off by a loss of power
            self._fetch(key, shard, path)
        self._kept[shard.sha256] = shard.bytes
        self._kept.move_to_end(shard.sha256)
        while sum(self._kept.values()) > self._limit_bytes and len(self._kept) > 1:
            (self._folder / f"{self._kept.popitem(last=False)[0]}.tar").unlink(missing_ok=True)
        return path

    def _fetch(self, key: str, shard: CorpusShard, path: Path) -> None:
        try:
            body = self._objects.get(key)
        except ObjectMissing as error:
            raise CorpusRejected(f"{key} is gone; prepare the corpus again.") from error
        if hashlib.sha256(body).hexdigest() != shard.sha256:
            raise CorpusRejected(f"{key} is not what the index says; prepare the corpus again.")
        draft = path.with_suffix(f".{os.getpid()}.part")
        draft.write_bytes(body)
        draft.replace(path)


class ShardCorpus:
    """The photos of a prepared corpus, as `trainer.corpus.Photos`."""

    def __init__(self, *, objects: ObjectStore, tenant: str, name: str, cache: ShardCache) -> None:
        self._objects = objects
        self._tenant = tenant
        self._name = name
        self._cache = cache
        self._index = read_corpus_index(objects, tenant, name)
        self._ends = list(accumulate(file.photos for file in self._index.files))
        self._kept = KeptPhotos()
        self._photos_of = lru_cache(maxsize=None)(self._read_shard_index)

    def __len__(self) -> int:
        return self._index.photos

    def sha256(self) -> str:
        """See Photos."""
        return self._index.sha256()

    def photo(self, index: int) -> NDArray[np.uint8]:
        """See Photos; raises CorpusRejected when its shard is not what it was."""
        return self._kept.get(index, lambda: self._decode(index))

    def _decode(self, index: int) -> NDArray[np.uint8]:
        number = bisect_right(self._ends, index)
        shard = self._index.files[number]
        photo = self._photos_of(number)[index - self._ends[number] + shard.photos]
        key = layout.corpus_shard(self._tenant, self._name, number)
        body = self._cache.read(key, shard, photo.offset, photo.bytes)
        with Image.open(io.BytesIO(body), formats=["JPEG"]) as image:
            return np.array(image.convert("RGB"))

    def _read_shard_index(self, number: int) -> list[ShardPhoto]:
        key = layout.corpus_shard_index(self._tenant, self._name, number)
        try:
            index = ShardIndex.model_validate_json(self._objects.get(key))
        except ObjectMissing as error:
            raise CorpusRejected(f"{key} is gone; prepare the corpus again.") from error
        if index.sha256 != self._index.files[number].sha256:
            raise CorpusRejected(f"{key} is of another shard; prepare the corpus again.")
        return index.photos


def read_corpus_index(objects: ObjectStore, tenant: str, name: str) -> CorpusIndex:
    """Return what is in a corpus; raises CorpusMissing."""
    try:
        return CorpusIndex.model_validate_json(objects.get(layout.corpus_index(tenant, name)))
    except (ObjectMissing, ValueError) as error:
        raise CorpusMissing(
            f"No corpus is called {name!r}; prepare one with `{corpus_command(name, tenant)}`."
        ) from error
