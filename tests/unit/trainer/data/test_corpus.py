"""The corpus: a folder of photos, sampled the same way for the same seed."""

import os
from itertools import islice
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from trainer.data.corpus import CorpusRejected, CropSampler, PhotoFolder, split_held_out


def sampler(folder: Path, seed: int = 1) -> CropSampler:
    return CropSampler(PhotoFolder(folder, side=64), indices=list(range(8)), crop=48, seed=seed)


def test_photos_are_found_at_any_depth_and_brought_to_size(photos: Path) -> None:
    corpus = PhotoFolder(photos, side=64)
    assert len(corpus) == 8
    assert all(min(corpus.photo(i).shape[:2]) == 64 for i in range(8))


def test_thumbnails_and_what_was_deleted_are_not_learned_from(tmp_path: Path) -> None:
    for name in ("a.png", "@eaDir/a.jpg/THUMB.jpg", "#recycle/b.png", ".trash/c.png", "d/e.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (80, 60)).save(tmp_path / name)
    found = PhotoFolder(tmp_path, side=60).paths
    assert found == [tmp_path / "a.png", tmp_path / "d/e.png"]


def test_a_batch_is_of_crops_in_0_to_1(photos: Path) -> None:
    batch = next(sampler(photos).batches(0, 5))
    assert batch.shape == (5, 3, 48, 48)
    assert batch.dtype == torch.float32
    assert 0 <= batch.min() < batch.max() <= 1


def test_the_same_seed_gives_the_same_crops_and_another_gives_others(photos: Path) -> None:
    first = torch.cat(list(islice(sampler(photos).batches(0, 4), 3)))
    again = torch.cat(list(islice(sampler(photos).batches(0, 4), 3)))
    other = torch.cat(list(islice(sampler(photos, seed=2).batches(0, 4), 3)))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_sampling_resumes_at_the_exact_image(photos: Path) -> None:
    whole = torch.cat(list(islice(sampler(photos).batches(0, 4), 4)))
    rest = torch.cat(list(islice(sampler(photos).batches(8, 4), 2)))
    assert torch.equal(whole[8:], rest)


def test_every_photo_comes_once_an_epoch(tmp_path: Path) -> None:
    """Photos of one colour each are told apart whatever the crop or flip."""
    for level in range(8):
        Image.new("RGB", (80, 70), (30 * level,) * 3).save(tmp_path / f"{level}.png")
    batches = sampler(tmp_path).batches(0, 8)
    epochs = [(next(batches).mean((1, 2, 3)) * 255 / 30).round().int().tolist() for _ in range(2)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(8))] * 2
    assert epochs[0] != epochs[1]


def test_an_empty_folder_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(CorpusRejected, match=r"holds no photo"):
        PhotoFolder(tmp_path, side=64)


def test_photos_are_seen_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (80, 60)).save(tmp_path / "lying.jpg", exif=exif)
    assert PhotoFolder(tmp_path, side=60).photo(0).shape == (80, 60, 3)


def test_a_bomb_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    Image.new("RGB", (80, 60)).save(tmp_path / "bomb.png")
    with pytest.raises(CorpusRejected, match=r"bomb\.png"):
        PhotoFolder(tmp_path, side=60).photo(0)


def test_a_name_that_is_no_text_has_a_hash(tmp_path: Path) -> None:
    Image.new("RGB", (80, 60)).save(tmp_path / os.fsdecode(b"caf\xe9.png"))
    assert PhotoFolder(tmp_path, side=60).sha256()


def test_a_photo_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(CorpusRejected, match=r"text\.jpg"):
        PhotoFolder(tmp_path, side=64).photo(0)


@given(count=st.integers(1, 500), held=st.integers(0, 40))
def test_held_out_photos_are_never_trained_on(count: int, held: int) -> None:
    training, held_out = split_held_out(count, held)
    assert sorted(training + held_out) == list(range(count))
    assert len(held_out) <= min(held, count // 4)
    assert len(held_out) != 1, "one photo does not tell whether photos are lost"
    assert training
