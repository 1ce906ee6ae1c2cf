"""Albums of the service as corpora: what came with them that can be learned from."""

import io
import zipfile
from pathlib import Path

import pytest

from api.archives.archived_photos import read_archive
from infra.errors import JobUnreadable
from infra.jobs.domain.model import JobSpec, PhotoEntry, Problem
from infra.jobs.manifest import Manifest
from infra.layout import corpus_index, photos_part
from infra.layout.ids import new_job_id
from infra.settings import Settings
from tests.fakes.storage import MemoryStore
from tests.unit.trainer.data.test_shards import opened, preparation
from trainer.data.corpus import CorpusRejected
from trainer.data.prepare import AlbumSources


def test_an_album_of_the_service_serves_as_a_corpus(photos: Path, tmp_path: Path) -> None:
    objects = MemoryStore()
    job = new_job_id(1e9)
    manifest = Manifest(store=objects, tenant="t", job=job)
    files = sorted(photos.rglob("*.*"))
    for index, path in enumerate(files):
        objects.put(f"u/{index}", path.read_bytes())
    entries = [PhotoEntry(index=i, name=p.name, key=f"u/{i}") for i, p in enumerate(files)]
    objects.refused.add("u/archived")
    lost = [
        PhotoEntry(index=index, name=name, key=f"u/{name}")
        for index, name in enumerate(("gone", "archived"), start=8)
    ]
    total = manifest.write_photos([*entries, *lost])
    spec = JobSpec(id=job, tenant="t", style="s", total=total, chunk_photos=8, created=0.0)
    manifest.write_spec(spec)
    index = preparation(objects).run(AlbumSources(objects, "t", job))
    assert (index.photos, index.skipped) == (8, 2)
    assert opened(objects, tmp_path / "cache").photo(7).shape[0] == 288
    with pytest.raises(CorpusRejected, match="No album"):
        AlbumSources(objects, "other", job)


def test_an_album_of_a_zip_file_serves_as_a_corpus(photos: Path) -> None:
    """Damaged photos in it are left out, like any file that is no photo."""
    objects = MemoryStore()
    job = new_job_id(1e9)
    manifest = Manifest(store=objects, tenant="t", job=job)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(photos.rglob("*.*")):
            archive.write(path, path.name)
    objects.put("u/album.zip", packed.getvalue())
    content = read_archive(objects, "u/album.zip", Settings(), name="album.zip")
    entries = [
        PhotoEntry(index=index, name=photo.path, key="u/album.zip", member=photo.member)
        for index, photo in enumerate(content.photos)
    ]
    fault = Problem(type="archive-damaged", detail="It broke off.")
    damaged = PhotoEntry(index=len(entries), name="b.zip", key="u/b.zip", fault=fault)
    total = manifest.write_photos([*entries, damaged])
    spec = JobSpec(id=job, tenant="t", style="s", total=total, chunk_photos=8, created=0.0)
    manifest.write_spec(spec)
    index = preparation(objects).run(AlbumSources(objects, "t", job))
    assert (index.photos, index.skipped) == (len(entries), 1)


def test_clutter_of_an_album_of_before_is_not_learned_from(photos: Path) -> None:
    """Version 0.1.0 took a NAS box's thumbnails in, and its manifests stay as they are."""
    objects = MemoryStore()
    job = new_job_id(1e9)
    manifest = Manifest(store=objects, tenant="t", job=job)
    paths = sorted(photos.rglob("*.*"))
    keys = [f"inbox/{index}.jpg" for index in range(len(paths))]
    keys[1], keys[2] = "inbox/@eaDir/0.jpg/SYNO_XL.jpg", "inbox/#recycle/a.jpg"
    for key, path in zip(keys, paths, strict=True):
        objects.put(key, path.read_bytes())
    total = manifest.write_photos(
        PhotoEntry(index=index, name=key.rpartition("/")[2], key=key)
        for index, key in enumerate(keys)
    )
    spec = JobSpec(id=job, tenant="t", style="s", total=total, chunk_photos=8, created=0.0)
    manifest.write_spec(spec)
    index = preparation(objects).run(AlbumSources(objects, "t", job))
    assert (index.photos, index.skipped) == (len(paths) - 2, 0)


def test_an_album_that_is_removed_meanwhile_makes_no_corpus(photos: Path) -> None:
    """Retention removes the job first, then its photos: what is left must not pass for all."""
    objects = MemoryStore()
    job = new_job_id(1e9)
    manifest = Manifest(store=objects, tenant="t", job=job)
    for index, path in enumerate(sorted(photos.rglob("*.*"))):
        objects.put(f"u/{index}", path.read_bytes())
    total = manifest.write_photos(
        PhotoEntry(index=i, name=f"{i}.jpg", key=f"u/{i}") for i in range(8)
    )
    spec = JobSpec(id=job, tenant="t", style="s", total=total, chunk_photos=8, created=0.0)
    manifest.write_spec(spec)
    sources = AlbumSources(objects, "t", job)
    manifest.withdraw()
    objects.delete("u/7")
    with pytest.raises(CorpusRejected, match="was removed while"):
        preparation(objects).run(sources)
    assert corpus_index("t", "coco") not in objects.objects


def test_an_album_whose_list_is_not_whole_makes_no_corpus() -> None:
    objects = MemoryStore()
    job = new_job_id(1e9)
    manifest = Manifest(store=objects, tenant="t", job=job)
    total = manifest.write_photos([PhotoEntry(index=0, name="0.jpg", key="u/0")])
    spec = JobSpec(id=job, tenant="t", style="s", total=total, chunk_photos=8, created=0.0)
    manifest.write_spec(spec)
    part = photos_part("t", job, 0)
    objects.put(part, b"{")
    with pytest.raises(JobUnreadable, match=part):
        AlbumSources(objects, "t", job)
    objects.delete(part)
    with pytest.raises(CorpusRejected, match=part):
        AlbumSources(objects, "t", job)
