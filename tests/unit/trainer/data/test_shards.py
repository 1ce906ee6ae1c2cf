"""Corpora in the bucket: prepared once, resumed where they were cut off, read photo by photo."""

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from infra.layout import corpus_index, corpus_shard, corpus_shard_index
from tests.fakes.storage import MemoryStore
from trainer.data import prepare
from trainer.data.corpus import CorpusRejected, CropSampler
from trainer.data.prepare import FolderSources, Preparation
from trainer.data.shards import (
    CorpusMissing,
    ShardCache,
    ShardCorpus,
    ShardIndex,
    SkippedPhoto,
    read_corpus_index,
)


class CountedSources(FolderSources):
    """A folder that counts what is read of it, and may break down after a while."""

    def __init__(self, folder: Path, limit: int = 10**6) -> None:
        super().__init__(folder)
        self.reads = 0
        self._limit = limit

    def read(self, index: int) -> bytes:
        self.reads += 1
        if self.reads > self._limit:
            raise KeyboardInterrupt
        return super().read(index)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """600 small grey photos, each of a level of its own by name, and one broken one."""
    folder = tmp_path / "train2017"
    folder.mkdir()
    for index in range(600):
        level = np.full((40, 50, 3), index % 250, np.uint8)
        Image.fromarray(level).save(folder / f"{index:012d}.png")
    (folder / "000000000007.png").write_bytes(b"no picture")
    return folder


def preparation(objects: MemoryStore, name: str = "coco") -> Preparation:
    return Preparation(objects=objects, tenant="t", name=name)


def opened(objects: MemoryStore, folder: Path, limit: int = 1 << 30) -> ShardCorpus:
    cache = ShardCache(objects=objects, folder=folder, limit_bytes=limit)
    return ShardCorpus(objects=objects, tenant="t", name="coco", cache=cache)


def test_a_folder_becomes_shards_of_256_and_an_index(many: Path, tmp_path: Path) -> None:
    objects = MemoryStore()
    seen: list[tuple[int, int, int]] = []

    def see(done: int, total: int, skipped: Sequence[SkippedPhoto]) -> None:
        seen.append((done, total, len(skipped)))

    index = preparation(objects).run(FolderSources(many), see)
    assert (index.photos, index.shards, index.skipped) == (599, 3, 1)
    assert seen == [(256, 600, 1), (512, 600, 1), (600, 600, 1)]
    assert read_corpus_index(objects, "t", "coco") == index
    corpus = opened(objects, tmp_path / "cache")
    assert len(corpus) == 599
    for at, level in ((0, 0), (6, 6), (7, 8), (254, 255 % 250), (255, 6), (598, 599 % 250)):
        photo = corpus.photo(at)
        assert photo.shape == (288, 360, 3)
        assert abs(float(photo.mean()) - level) < 1.5
    with tarfile.open(fileobj=io.BytesIO(objects.objects[corpus_shard("t", "coco", 2)])) as tar:
        assert len(tar.getnames()) == 88


def test_one_odd_file_does_not_stop_the_others(tmp_path: Path) -> None:
    """A name that is no text is a photo like others; a link to nothing is left out by name."""
    odd = tmp_path / os.fsdecode(b"caf\xe9.png")
    Image.new("RGB", (60, 60)).save(odd)
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    objects = MemoryStore()
    index = preparation(objects).run(FolderSources(tmp_path))
    assert (index.photos, index.skipped) == (1, 1)
    shard = ShardIndex.model_validate_json(objects.get(corpus_shard_index("t", "coco", 0)))
    assert shard.photos[0].name == r"caf\xe9.png"
    assert shard.skipped[0].name == "gone.jpg"


def test_photos_are_turned_upright(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (400, 300)).save(folder / "lying.jpg", exif=exif)
    objects = MemoryStore()
    preparation(objects).run(FolderSources(folder))
    assert opened(objects, tmp_path / "cache").photo(0).shape == (384, 288, 3)


def test_a_preparation_that_was_cut_off_goes_on_behind_the_last_shard(many: Path) -> None:
    whole, objects = MemoryStore(), MemoryStore()
    preparation(whole).run(FolderSources(many))
    with pytest.raises(KeyboardInterrupt):
        preparation(objects).run(CountedSources(many, limit=400))
    assert corpus_index("t", "coco") not in objects.objects
    with pytest.raises(CorpusMissing, match="impasto corpus add coco"):
        read_corpus_index(objects, "t", "coco")
    again = CountedSources(many)
    preparation(objects).run(again)
    assert again.reads == 600 - 256
    assert objects.objects == whole.objects


def test_an_unchanged_folder_is_not_read_again(many: Path) -> None:
    objects = MemoryStore()
    preparation(objects).run(FolderSources(many))
    before = dict(objects.objects)
    again = CountedSources(many)
    preparation(objects).run(again)
    assert again.reads == 0
    assert objects.objects == before


def test_a_smaller_folder_leaves_no_shard_behind(many: Path) -> None:
    objects = MemoryStore()
    preparation(objects).run(FolderSources(many))
    for path in sorted(many.iterdir())[300:]:
        path.unlink()
    assert preparation(objects).run(FolderSources(many)).shards == 2
    assert corpus_shard("t", "coco", 1) in objects.objects
    assert corpus_shard("t", "coco", 2) not in objects.objects
    assert corpus_shard_index("t", "coco", 2) not in objects.objects


def test_a_corpus_without_one_good_photo_says_why(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(CorpusRejected, match=r"None of 1 photos .* text\.jpg"):
        preparation(MemoryStore()).run(FolderSources(tmp_path))
    with pytest.raises(CorpusRejected, match="holds no photo"):
        FolderSources(tmp_path / "nowhere")


def test_the_cache_keeps_to_its_bound_and_the_photos_stay_the_same(
    many: Path, tmp_path: Path
) -> None:
    objects = MemoryStore()
    index = preparation(objects).run(FolderSources(many))
    largest = max(file.bytes for file in index.files)
    small = opened(objects, tmp_path / "small", limit=largest)
    large = opened(objects, tmp_path / "large")
    for at in (0, 300, 598, 1, 301, 597):
        assert np.array_equal(small.photo(at), large.photo(at))
        assert sum(path.stat().st_size for path in (tmp_path / "small").iterdir()) <= largest
    assert len(list((tmp_path / "large").iterdir())) == 3


def test_a_cached_shard_that_was_cut_off_is_fetched_again(many: Path, tmp_path: Path) -> None:
    """By a loss of power: the file is there, and its end is not."""
    objects = MemoryStore()
    preparation(objects).run(FolderSources(many))
    photo = opened(objects, tmp_path / "cache").photo(255)
    for path in (tmp_path / "cache").iterdir():
        path.write_bytes(path.read_bytes()[:100])
    assert np.array_equal(opened(objects, tmp_path / "cache").photo(255), photo)


def test_a_shard_that_was_changed_is_noticed(many: Path, tmp_path: Path) -> None:
    objects = MemoryStore()
    preparation(objects).run(FolderSources(many))
    key = corpus_shard("t", "coco", 1)
    objects.objects[key] = objects.objects[key][:-1] + b"x"
    corpus = opened(objects, tmp_path / "cache")
    corpus.photo(0)
    with pytest.raises(CorpusRejected, match="not what the index says"):
        corpus.photo(300)


def test_shards_are_sampled_by_the_same_rule_as_folders(many: Path, tmp_path: Path) -> None:
    """The order depends on the seed and the position, not on where photos lie."""
    objects = MemoryStore()
    preparation(objects).run(FolderSources(many))
    make: Callable[[int], CropSampler] = lambda start: CropSampler(  # noqa: E731
        opened(objects, tmp_path / f"cache{start}"), indices=list(range(599)), crop=64, seed=1
    )
    whole = torch.cat(list(islice(make(0).batches(0, 4), 6)))
    rest = torch.cat(list(islice(make(1).batches(12, 4), 3)))
    assert torch.equal(whole[12:], rest)


def test_the_hash_of_a_corpus_is_that_of_its_shards(many: Path, tmp_path: Path) -> None:
    objects = MemoryStore()
    index = preparation(objects).run(FolderSources(many))
    joined = "".join(file.sha256 for file in index.files).encode()
    assert opened(objects, tmp_path / "cache").sha256() == hashlib.sha256(joined).hexdigest()
    assert prepare.SHARD_PHOTOS == 256
