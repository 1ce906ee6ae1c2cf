"""Preparing a corpus: photos of any kind and size become tar shards of small JPEGs.

Shard n is made of the sources 256 n … 256 n + 255, and its index is written after it. A run that
was cut off goes on behind the last finished shard; unchanged sources are not read again.
"""

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol

from PIL import Image

from infra import layout
from infra.clutter import CLUTTER, is_clutter
from infra.jobs.domain.model import PhotoEntry
from infra.jobs.manifest import Manifest
from infra.layout.ids import is_job_id
from infra.storage.port import ObjectMissing, ObjectRefused, ObjectStore
from trainer.data.corpus import CorpusRejected, find_photos, resized
from trainer.data.proportions import check_proportions
from trainer.data.shards import CorpusIndex, CorpusShard, ShardIndex, ShardPhoto, SkippedPhoto
from worker.fetch.zip_member import fetch_member
from worker.pixels import PhotoRejected, PixelLimits, decode

#: Photos in one shard.
SHARD_PHOTOS: Final = 256
#: Short side of the photos, pixels, and their JPEG quality.
SIDE: Final = 288
QUALITY: Final = 92
LIMITS: Final = PixelLimits(max_megapixels=100.0)

JSON: Final = "application/json"
TAR: Final = "application/x-tar"

#: Told how many sources of how many are through, and those that could not be used.
OnProgress = Callable[[int, int, Sequence[SkippedPhoto]], None]


class Sources(Protocol):
    """Photo files in a fixed order."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def name(self, index: int) -> str:
        """Return a name that tells the photo apart from the others."""
        ...

    def mark(self, index: int) -> str:
        """Return something that changes with the file, found without reading it."""
        ...

    def read(self, index: int) -> bytes:
        """Return the file; raises OSError, ObjectMissing, ObjectRefused or PhotoRejected."""
        ...


class FolderSources:
    """The photos below a folder; raises CorpusRejected where there is none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths = find_photos(folder)

    def __len__(self) -> int:
        return len(self._paths)

    def name(self, index: int) -> str:
        """See Sources: the path below the folder, what is no text in it escaped."""
        path = self._paths[index].relative_to(self._folder)
        return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")

    def mark(self, index: int) -> str:
        """See Sources: the file's size and time."""
        try:
            found = self._paths[index].stat()
        except OSError:
            return "missing"  # a link to nothing: left out with its reason once it is read
        return f"{found.st_size} {found.st_mtime_ns}"

    def read(self, index: int) -> bytes:
        """See Sources."""
        return self._paths[index].read_bytes()


class AlbumSources:
    """The photos of an album that was sent to the service; its results are not looked at.

    Raises CorpusRejected where there is none, or not all of its list, JobUnreadable where that is
    damaged, and JobMissing where the album goes as it is read.
    """

    def __init__(self, objects: ObjectStore, tenant: str, job: str) -> None:
        manifest = Manifest(store=objects, tenant=tenant, job=job)
        spec = manifest.spec() if is_job_id(job) else None
        if spec is None or spec.kind != "stylize":
            raise CorpusRejected(f"No album {job!r} is known here; check the job's id.")
        self._objects = objects
        self._manifest = manifest
        listed = _listed(manifest, spec.total)
        self._entries = [entry for entry in listed if not _is_clutter(entry)]

    def __len__(self) -> int:
        return len(self._entries)

    def name(self, index: int) -> str:
        """See Sources: the photo's name in the album."""
        return self._entries[index].name

    def mark(self, index: int) -> str:
        """See Sources: an album never changes."""
        return self._entries[index].key

    def read(self, index: int) -> bytes:
        """See Sources; raises CorpusRejected where the whole album has gone meanwhile."""
        entry = self._entries[index]
        if entry.fault is not None:
            raise PhotoRejected(entry.fault.type, entry.fault.detail)
        try:
            if entry.member is not None:
                return fetch_member(self._objects, entry.key, entry.member)
            return self._objects.get(entry.key)
        except ObjectMissing as error:
            if not self._manifest.exists():
                raise CorpusRejected(
                    "The album was removed while its photos were prepared; send it again."
                ) from error
            raise


def _is_clutter(entry: PhotoEntry) -> bool:
    """Whether a photo of an album is a thumbnail or the like: albums before 0.2.0 took them in."""
    key = entry.key if entry.member is None else ""
    places = [place.split("/") for place in (entry.source or "", entry.path or "", key)]
    return is_clutter(entry.name) or any(
        part.casefold() in CLUTTER for place in places for part in place
    )


def _listed(manifest: Manifest, total: int) -> list[PhotoEntry]:
    try:
        with manifest.readable():
            return manifest.photos(0, total)
    except ObjectMissing as error:
        raise CorpusRejected(
            f"The album's list of photos is not whole: {error.key} is missing in the bucket. Put "
            "it back from a copy, or send the album again."
        ) from error


class Preparation:
    """Writes one corpus of a tenant."""

    def __init__(self, *, objects: ObjectStore, tenant: str, name: str) -> None:
        self._objects = objects
        self._tenant = tenant
        self._name = name

    def run(
        self, sources: Sources, on_progress: OnProgress = lambda _done, _all, _skipped: None
    ) -> CorpusIndex:
        """Prepare every source and return what is in the corpus; safe to repeat.

        Raises CorpusRejected when no source could be used.
        """
        shards: list[ShardIndex] = []
        skipped: list[SkippedPhoto] = []
        with ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="prepare") as pool:
            for start in range(0, len(sources), SHARD_PHOTOS):
                wanted = range(start, min(start + SHARD_PHOTOS, len(sources)))
                shards.append(self._shard(pool, len(shards), sources, wanted))
                skipped += shards[-1].skipped
                on_progress(wanted.stop, len(sources), skipped)
        return self._finish(shards, skipped)

    def _shard(
        self, pool: ThreadPoolExecutor, number: int, sources: Sources, wanted: range
    ) -> ShardIndex:
        """Return a shard's index, having written both where they are not there yet."""
        mark = _mark(sources, wanted)
        key = layout.corpus_shard_index(self._tenant, self._name, number)
        found = self._find(key)
        if found is not None and found.sources == mark:
            return found
        # What is about to be half old and half new must not be taken for a corpus.
        self._objects.delete(layout.corpus_index(self._tenant, self._name))
        self._objects.delete(key)
        results = list(pool.map(lambda index: _prepared(sources, index), wanted))
        index, body = _packed(mark, results)
        shard = layout.corpus_shard(self._tenant, self._name, number)
        self._objects.put(shard, body, content_type=TAR)
        self._objects.put(key, index.model_dump_json().encode(), content_type=JSON)
        return index

    def _find(self, key: str) -> ShardIndex | None:
        try:
            return ShardIndex.model_validate_json(self._objects.get(key))
        except (ObjectMissing, ValueError):
            return None

    def _finish(self, shards: list[ShardIndex], skipped: Sequence[SkippedPhoto]) -> CorpusIndex:
        photos = sum(len(shard.photos) for shard in shards)
        if not photos:
            raise CorpusRejected(
                f"None of {len(skipped)} photos could be read; the first: {_why(skipped)}"
            )
        files = [CorpusShard(sha256=s.sha256, bytes=s.bytes, photos=len(s.photos)) for s in shards]
        index = CorpusIndex(
            name=self._name,
            side=SIDE,
            photos=photos,
            shards=len(shards),
            skipped=len(skipped),
            files=files,
        )
        key = layout.corpus_index(self._tenant, self._name)
        self._objects.put(key, index.model_dump_json().encode(), content_type=JSON)
        self._drop_behind(len(shards))
        return index

    def _drop_behind(self, shards: int) -> None:
        """Remove what an earlier, larger corpus of that name has left."""
        prefix = layout.corpus_shards(self._tenant, self._name)
        for key in [info.key for info in self._objects.list(prefix)]:
            if key.removeprefix(prefix) >= f"{shards:05d}":
                self._objects.delete(key)


def _mark(sources: Sources, wanted: range) -> str:
    marks = "\n".join(f"{sources.name(index)} {sources.mark(index)}" for index in wanted)
    return hashlib.sha256(f"{SIDE} {QUALITY}\n{marks}".encode()).hexdigest()


def _prepared(sources: Sources, index: int) -> tuple[str, bytes] | SkippedPhoto:
    name = sources.name(index)
    try:
        return name, prepared_photo(sources.read(index))
    except (PhotoRejected, OSError, ObjectMissing, ObjectRefused) as error:
        return SkippedPhoto(name=name, reason=str(error))


def prepared_photo(data: bytes) -> bytes:
    """Return a photo's file as an upright sRGB JPEG of short side SIDE; raises PhotoRejected."""
    photo = decode(data, LIMITS)
    check_proportions(photo)
    out = io.BytesIO()
    picture = Image.fromarray(resized(Image.fromarray(photo.rgb), SIDE))
    picture.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def _packed(
    mark: str, results: Sequence[tuple[str, bytes] | SkippedPhoto]
) -> tuple[ShardIndex, bytes]:
    """Return a shard and its index; the same photos give the same bytes."""
    out = io.BytesIO()
    photos: list[ShardPhoto] = []
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, body in (result for result in results if isinstance(result, tuple)):
            member = tarfile.TarInfo(f"{len(photos):05d}.jpg")
            member.size = len(body)
            offset = out.tell() + tarfile.BLOCKSIZE
            tar.addfile(member, io.BytesIO(body))
            photos.append(ShardPhoto(name=name, offset=offset, bytes=len(body)))
    body = out.getvalue()
    index = ShardIndex(
        sources=mark,
        sha256=hashlib.sha256(body).hexdigest(),
        bytes=len(body),
        photos=photos,
        skipped=[result for result in results if isinstance(result, SkippedPhoto)],
    )
    return index, body


def _why(skipped: Sequence[SkippedPhoto]) -> str:
    return f"{skipped[0].name}: {skipped[0].reason}" if skipped else "there was none."
