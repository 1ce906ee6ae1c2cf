"""Albums of a strength near 0: photos that come back as they are, or with little paint."""

import io

import numpy as np
import pytest
from PIL import Image

from infra.catalogue.style import PHOTO_KEY, PHOTO_SHA256, WeightedNet
from infra.jobs.domain.model import JobState, Stroke
from tests.fakes.album import AlbumHarness
from tests.fakes.service import BLEND
from tests.photos import encoded, scene
from worker.pixels.photo import Pixels

PHOTO = WeightedNet(key=PHOTO_KEY, sha256=PHOTO_SHA256, weight=1.0)


def result(harness: AlbumHarness, job: str, name: str) -> Pixels:
    outcome = harness.outcomes(job)[name]
    assert outcome is not None
    assert outcome.result is not None
    return np.asarray(Image.open(io.BytesIO(harness.objects.objects[outcome.result])))


@pytest.mark.parametrize("stroke", ["native", "proportional"])
def test_a_photo_alone_comes_back_without_paint(stroke: Stroke) -> None:
    """In its own format, 45 dB or nearer to what was decoded, and the engine has not seen it."""
    harness = AlbumHarness()
    noise = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    photos = {
        "a.png": encoded(scene(), "PNG"),
        "b.jpg": encoded(Image.fromarray(noise), "JPEG", quality=95),
    }
    job = harness.submit(photos, stroke=stroke, blend=(PHOTO,))
    harness.work(job)
    assert harness.jobs.queries.get(job, "default").state is JobState.SUCCEEDED
    assert harness.engine.photos == 0
    assert np.array_equal(result(harness, job, "a.png"), np.asarray(scene()))
    decoded = np.asarray(Image.open(io.BytesIO(photos["b.jpg"])), float)
    error = np.square(result(harness, job, "b.jpg") - decoded).mean()
    assert 10 * np.log10(255**2 / error) >= 45


def test_little_paint_leaves_much_of_the_photo() -> None:
    harness = AlbumHarness()
    net = BLEND[0].model_copy(update={"weight": 0.25})
    photo = PHOTO.model_copy(update={"weight": 0.75})
    job = harness.submit({"a.png": encoded(scene(), "PNG")}, blend=(photo, net))
    harness.work(job)
    rgb = np.asarray(scene(), float)
    assert np.array_equal(result(harness, job, "a.png"), np.rint(0.75 * rgb + 0.25 * (255 - rgb)))
    assert harness.engine.photos == 1


def test_each_share_of_the_photo_is_a_result_of_its_own() -> None:
    harness = AlbumHarness()
    photos = {"a.png": encoded(scene(), "PNG")}
    for share in (0.25, 0.5):
        parts = (PHOTO, *BLEND)
        weights = zip(parts, (share, 1 - share), strict=True)
        blend = tuple(part.model_copy(update={"weight": weight}) for part, weight in weights)
        job = harness.submit(photos, blend=blend)
        harness.work(job)
        outcome = harness.outcomes(job)["a.png"]
        assert outcome is not None
        assert not outcome.cached
