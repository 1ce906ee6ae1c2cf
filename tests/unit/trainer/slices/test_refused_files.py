"""Paintings, previews, weights and corpora that cannot be had, or should not be."""

from pathlib import Path

import pytest
from PIL import Image

from infra.jobs.domain.model import JobState
from tests.fakes.mortal_decoder import KILL
from tests.fakes.trainer import FILE_BYTES, MakeTrainer
from tests.photos import encoded, scene
from trainer.data.corpus import Photos
from trainer.data.shards import ShardCache, ShardCorpus
from worker.pixels.decoder import PhotoDecoder


def test_a_painting_of_20_pixels_is_a_clear_error(make: MakeTrainer, tmp_path: Path) -> None:
    small = tmp_path / "small.png"
    Image.new("RGB", (20, 300)).save(small)
    trainer = make(other_painting=small)
    view = trainer.finish(trainer.submit())
    assert view.state is JobState.FAILED
    assert view.error is not None
    assert view.error.type == "painting-too-small"
    assert "20×300" in view.error.detail
    assert trainer.catalogue.names() == []


def test_a_painting_that_is_none_is_a_clear_error(make: MakeTrainer, tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("no picture")
    trainer = make(other_painting=text)
    view = trainer.finish(trainer.submit())
    assert view.error is not None
    assert view.error.type == "painting-rejected"


def test_a_painting_that_kills_its_decoder_fails_the_training_and_nothing_else(
    make: MakeTrainer, mortal: PhotoDecoder, tmp_path: Path
) -> None:
    killer = tmp_path / "killer.png"
    killer.write_bytes(KILL)
    trainer = make(other_painting=killer)
    trainer.decode = mortal.decode
    view = trainer.finish(trainer.submit())
    assert view.error is not None
    assert view.error.type == "painting-rejected"
    assert "ended its process" in view.error.detail


def test_a_painting_of_too_many_bytes_is_a_clear_error(make: MakeTrainer, tmp_path: Path) -> None:
    """It may have grown since it was sent; then it is not even fetched."""
    large = tmp_path / "large.png"
    large.write_bytes(bytes(FILE_BYTES + 1))
    trainer = make(other_painting=large)
    view = trainer.finish(trainer.submit())
    assert view.error is not None
    assert view.error.type == "painting-rejected"
    assert "1,000,001 bytes" in view.error.detail


def test_a_painting_that_is_not_handed_out_is_a_clear_error(make: MakeTrainer) -> None:
    trainer = make()
    trainer.at.objects.refused.add(trainer.painting.key)
    view = trainer.finish(trainer.submit())
    assert view.error is not None
    assert view.error.type == "painting-rejected"
    assert trainer.painting.key in view.error.detail


def test_a_preview_photo_that_is_not_handed_out_is_left_out(make: MakeTrainer) -> None:
    trainer = make()
    trainer.at.objects.refused.add("u/me.jpg")
    view = trainer.finish(trainer.submit(previews=["u/me.jpg", trainer.painting.key]))
    assert view.state is JobState.SUCCEEDED
    assert any("me.jpg was left out" in note for note in trainer.card().notes)
    previews = [key for key in trainer.at.objects.objects if "/previews/stage-" in key]
    assert {key.rpartition("/")[2] for key in previews} == {"1.jpg"}, "its place among the keys"


def test_a_preview_photo_that_goes_meanwhile_leaves_the_others_their_numbers(
    make: MakeTrainer,
) -> None:
    trainer = make()
    trainer.at.objects.put("u/me.png", encoded(scene(90, 80), "PNG"))
    job = trainer.submit(previews=["u/me.png", trainer.painting.key])
    while 0 not in trainer.view(job).published:
        trainer.worker(steps=2).work(job, "t")
    trainer.at.objects.delete("u/me.png")
    trainer.finish(job)
    last = {key for key in trainer.at.objects.objects if "/previews/stage-1/" in key}
    assert {key.rpartition("/")[2] for key in last} == {"1.jpg"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (KILL, "ended its process"),
        (encoded(scene(9, 900), "PNG"), "9×900"),
        (bytes(FILE_BYTES + 1), "1,000,001 bytes"),
    ],
    ids=["killer", "strip", "large"],
)
def test_a_preview_photo_beyond_the_limits_is_left_out(
    make: MakeTrainer, mortal: PhotoDecoder, data: bytes, reason: str
) -> None:
    trainer = make()
    trainer.decode = mortal.decode
    trainer.at.objects.put("u/me.jpg", data)
    view = trainer.finish(trainer.submit(previews=["u/me.jpg", trainer.painting.key]))
    assert view.state is JobState.SUCCEEDED
    (note,) = (note for note in trainer.card().notes if "me.jpg was left out" in note)
    assert reason in note


def test_missing_weights_fail_the_training_by_name(
    make: MakeTrainer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    trainer = make()
    view = trainer.finish(trainer.submit(loss_network="vgg19"))
    assert view.error is not None
    assert view.error.type == "loss-weights-missing"
    assert "IMPASTO_LOSS_WEIGHTS" in view.error.detail


def test_a_corpus_that_is_not_there_fails_the_training_by_name(
    make: MakeTrainer, tmp_path: Path
) -> None:
    trainer = make()
    cache = ShardCache(objects=trainer.at.objects, folder=tmp_path / "shards", limit_bytes=1)

    def open_shards(tenant: str, name: str) -> Photos:
        return ShardCorpus(objects=trainer.at.objects, tenant=tenant, name=name, cache=cache)

    trainer.open_corpus = open_shards  # type: ignore[method-assign]
    view = trainer.finish(trainer.submit(corpus="coco"))
    assert view.error is not None
    assert view.error.type == "corpus-missing"
    assert "impasto corpus add coco" in view.error.detail
