"""A worker's previews: what is stored, what fails alone, and what is given back."""

import io
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from PIL import Image

from infra import layout
from infra.catalogue.style import PHOTO_KEY, PHOTO_SHA256, WeightedNet
from infra.jobs.domain.model import Stroke
from infra.previews.model import PictureSpec, PreviewOutcome
from infra.storage.port import ObjectMissing
from tests.fakes.album import FakeNets, InvertingEngine, RecordingTally, decoded_by
from tests.fakes.previews import PICTURES, PreviewWorld
from tests.fakes.service import BLEND
from tests.photos import encoded, scene
from worker.engines.port import Engine
from worker.pixels import PixelLimits, decode
from worker.previews.painter import PreviewPainter, shrunk
from worker.process.lease_keeper import LeaseTiming


class World(PreviewWorld):
    """Previews, and a worker that turns light into dark."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.engine = InvertingEngine()
        self.nets = FakeNets(self.engine)
        self.tally = RecordingTally()
        self.stop = threading.Event()
        self.painter = PreviewPainter(
            claims=self.previews.claims,
            objects=self.objects,
            nets=self.nets,
            tally=self.tally,
            stop=self.stop,
            decode=decoded_by(partial(decode, limits=PixelLimits(max_megapixels=1))),
            device=ThreadPoolExecutor(1),
            max_photo_bytes=1_000_000,
            timing=LeaseTiming(lease_seconds=20, heartbeat_seconds=5, stop_grace=0.1),
        )

    def painted(self, preview: str) -> PreviewOutcome:
        """Work a preview and return how it ended."""
        self.painter.work("default", preview)
        outcome = self.find(preview).outcome
        assert outcome is not None
        return outcome

    def picture(self, key: str) -> Image.Image:
        """Return a stored picture, whose type is told to browsers."""
        assert self.objects.content_types[key] == "image/jpeg"
        return Image.open(io.BytesIO(self.objects.objects[key]))


@pytest.fixture
def world() -> World:
    return World()


def photo(width: int = 160, height: int = 120) -> bytes:
    return encoded(scene(width, height), "PNG")


def test_sheet_shows_the_photo_and_then_each_picture(world: World) -> None:
    sent = world.send(photo(), side=80)
    outcome = world.painted(sent.spec.id)
    assert (outcome.error, outcome.errors, outcome.pictures) == (None, {}, ())
    key = layout.preview_sheet("default", sent.spec.id)
    sheet = world.picture(key)
    assert outcome.sheet is not None
    assert (outcome.sheet.width, outcome.sheet.height) == sheet.size
    assert outcome.sheet.bytes == len(world.objects.objects[key])
    first = np.asarray(sheet)[18:78, 4:84].astype(int)
    second = np.asarray(sheet)[18:78, 88:168].astype(int)
    assert abs(255 - first - second).mean() < 3
    assert world.engine.photos == len(PICTURES)
    assert world.tally.counts == {("previews_total", "done"): 1}


def test_pictures_are_small_and_by_themselves(world: World) -> None:
    sent = world.send(photo(), side=80, sheet=False)
    outcome = world.painted(sent.spec.id)
    assert [one and (one.width, one.height) for one in outcome.pictures] == [(80, 60), (80, 60)]
    for number in range(2):
        key = layout.preview_picture("default", sent.spec.id, number)
        assert world.picture(key).size == (80, 60)
    assert layout.preview_sheet("default", sent.spec.id) not in world.objects.objects


def test_strength_that_is_the_photo_gives_the_photo(world: World) -> None:
    itself = WeightedNet(key=PHOTO_KEY, sha256=PHOTO_SHA256, weight=1)
    spec = PictureSpec(style="lilies", strength=0, blend=(itself,))
    sent = world.send(photo(80, 60), pictures=(spec,), side=80, sheet=False)
    world.painted(sent.spec.id)
    picture = world.picture(layout.preview_picture("default", sent.spec.id, 0))
    error = np.asarray(picture).astype(float) - scene(80, 60)
    assert 10 * np.log10(255**2 / (error**2).mean()) >= 45
    assert world.engine.photos == 0


def test_photo_is_decoded_once_and_painted_small(world: World) -> None:
    seen: list[tuple[int, ...]] = []
    world.engine.seen = lambda rgb: seen.append(rgb.shape)
    world.painted(world.send(photo(400, 200), side=100).spec.id)
    assert seen == [(50, 100, 3)] * len(PICTURES)


def test_proportional_strokes_are_painted_as_albums_paint_them(world: World) -> None:
    """At the working side, and made small afterwards."""
    seen: list[tuple[int, ...]] = []
    world.engine.seen = lambda rgb: seen.append(rgb.shape)
    sent = world.send(photo(1200, 600), side=100, sheet=False, stroke="proportional")
    outcome = world.painted(sent.spec.id)
    assert seen == [(512, 1024, 3)] * len(PICTURES)
    assert [one and (one.width, one.height) for one in outcome.pictures] == [(100, 50)] * 2


@pytest.mark.parametrize(
    ("body", "type"),
    [
        (b"no photo", "not-an-image"),
        (photo()[:200], "truncated-photo"),
        (photo(1100, 1000), "photo-too-large"),
        (b"x" * 1_000_001, "photo-too-many-bytes"),
    ],
)
def test_bad_photo_fails_with_its_reason(world: World, body: bytes, type: str) -> None:
    outcome = world.painted(world.send(body).spec.id)
    assert outcome.error is not None
    assert outcome.error.type == type
    assert world.engine.photos == 0
    assert world.tally.counts == {("previews_total", "failed"): 1}


class SomeNets(FakeNets):
    """Lacks the nets of one style."""

    def engine(self, nets: Sequence[WeightedNet], stroke: Stroke = "native") -> Engine:
        if nets[0].key == "gone":
            raise ObjectMissing("gone")
        return super().engine(nets, stroke)


GONE = PictureSpec(style="gone", strength=1, blend=(BLEND[0].model_copy(update={"key": "gone"}),))


def test_style_that_cannot_be_used_fails_alone(world: World) -> None:
    object.__setattr__(world.painter, "nets", SomeNets(world.engine))
    outcome = world.painted(world.send(photo(), pictures=(GONE, *PICTURES), sheet=False).spec.id)
    assert outcome.error is None
    assert outcome.errors[0].type == "style-unusable"
    assert "'gone'" in outcome.errors[0].detail
    assert [one is None for one in outcome.pictures] == [True, False, False]
    with_sheet = world.painted(world.send(photo(), pictures=(GONE, *PICTURES)).spec.id)
    assert with_sheet.sheet is not None
    assert set(with_sheet.errors) == {0}
    alone = world.painted(world.send(photo(), pictures=(GONE,)).spec.id)
    assert alone.error is not None
    assert alone.error.type == "style-unusable"


def test_bug_is_an_incident(world: World) -> None:
    def broken(_number: int) -> None:
        raise RuntimeError("a bug")

    world.engine.watch = broken
    outcome = world.painted(world.send(photo()).spec.id)
    assert outcome.error is not None
    assert outcome.error.type == "internal"


def test_stop_gives_the_preview_back(world: World) -> None:
    world.engine.watch = lambda _number: world.stop.set()
    preview = world.send(photo()).spec.id
    world.painter.work("default", preview)
    assert world.find(preview).state == "queued"
    assert world.previews.claims.claim("default", preview)
    assert world.tally.counts == {("previews_total", "given-back"): 1}


def test_outage_as_it_is_claimed_leaves_it_to_the_sweep(world: World) -> None:
    preview = world.send(photo()).spec.id
    world.queue.down = True
    world.painter.work("default", preview)
    world.queue.down = False
    assert world.find(preview).state == "queued"


def test_preview_that_another_has_is_left_to_it(world: World) -> None:
    preview = world.send(photo()).spec.id
    assert world.previews.claims.claim("default", preview)
    world.painter.work("default", preview)
    assert world.engine.photos == 0


@pytest.mark.parametrize(
    ("size", "small"),
    [((4000, 3000), (512, 384)), ((300, 4000), (38, 512)), ((4000, 3), (512, 1)), ((512, 9), None)],
)
def test_photo_is_made_small_and_never_larger(
    size: tuple[int, int], small: tuple[int, int] | None
) -> None:
    rgb = np.zeros((size[1], size[0], 3), np.uint8)
    width, height = small or size
    assert shrunk(rgb, 512).shape == (height, width, 3)
