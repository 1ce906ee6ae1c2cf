"""Strength as a knob: eleven points from the photo to a style's last stage.

    python3 infra/dev.py bench strength [--style infra/styles/NAME] [--painting FILE]

Each point is painted by the worker's own engines and encoded as a service does, and what comes back
is measured on photos that nothing was trained on: the album of the assets, or held-out ones. Style
distance should fall, content distance rise, and SSIM and PSNR to the photo fall, all along. Beside
it stands the path of before, which begins at the style's first stage.
"""

import hashlib
import io
import itertools
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from infra import layout
from infra.bundled import BUNDLED_BACKBONE
from infra.catalogue import Stage, Style
from infra.catalogue.card import StyleCard
from infra.catalogue.style import Blend, PathStart, is_photo_alone
from tests.bench.common.options import parser, prepare, save
from tests.bench.common.tables import table
from tests.bench.training.common.assets import Assets, find_assets
from tests.bench.training.common.pictures import draw_grid
from tests.fakes.storage import MemoryStore
from trainer.cli.reproduce import config_from_card
from trainer.data.corpus import CorpusRejected, resized
from trainer.loss.distances import distances
from trainer.loss.measure import ssim
from trainer.training.context import TrainingContext, to_tensor
from worker.engines.choice import EngineFactory
from worker.engines.net_cache import NetCache
from worker.pixels import Photo, encode
from worker.pixels.photo import Pixels

POINTS = 11
BUNDLED = Path("infra/styles")
#: Photos on the sheet, and photos that are measured, by scale.
SHEET_PHOTOS = 2
PHOTOS = {"tiny": 1, "small": 10, "full": None}
#: Short side of the photos, pixels.
SIDE = 300
#: Decibels (PSNR) that a photo keeps at strength 0.
LEAST_PSNR = 45.0


@dataclass(frozen=True, slots=True)
class Point:
    """One strength, what it is painted with, and the means of what it measures."""

    strength: float
    blend: str
    style: float
    content: float
    ssim: float
    #: Decibels of what comes back against the photo: the mean, and the least of all photos.
    psnr: float
    least_psnr: float


def main() -> None:
    """Measure every bundled style, or the ones that were named; ends with 1 where one misses."""
    options = parser("strength", __doc__ or "")
    options.add_argument("--style", type=Path, action="append", help="style folder; may repeat")
    options.add_argument("--painting", type=Path, help="default: found by the card's hash")
    options.add_argument("--loss-network", default="", help="default: the card's")
    options.add_argument("--backbone", type=Path, default=BUNDLED_BACKBONE, help="of quick styles")
    chosen = options.parse_args()
    out, assets, missed = prepare(chosen), find_assets(), False
    for folder in chosen.style or sorted(path.parent for path in BUNDLED.glob("*/card.json")):
        card = StyleCard.read(folder)
        context = _context(assets, card, chosen.painting, chosen.loss_network)
        photos = _photos(assets, context)[: PHOTOS[chosen.scale]]
        bench = StrengthBench(context, photos, _nets(folder, card, chosen.backbone))
        paths = {start: bench.path(_as_published(card, start)) for start in STARTS}
        bench.draw(_as_published(card, "photo"), out / f"strength-{card.name}.jpg")
        save(out, f"strength-{card.name}", {k: list(map(asdict, v)) for k, v in paths.items()})
        print(f"\n### Strength of {card.name}: {len(photos)} photos\n")
        print(points_table(paths["photo"], paths["first-stage"]))
        print(f"\nFrom the photo: {verdict(paths['photo'])}")
        print(f"\nFrom the first stage: {verdict(paths['first-stage'])}")
        missed |= not holds(paths["photo"])
    sys.exit(missed)


#: The path that is measured, and the one of before.
STARTS: tuple[PathStart, PathStart] = ("photo", "first-stage")


def _context(
    assets: Assets, card: StyleCard, painting: Path | None, network: str
) -> TrainingContext:
    loss_network = assets.loss_network(network or card.training.loss_network)
    for path in [painting] if painting else assets.paintings().values():
        try:
            return TrainingContext(config_from_card(card, path, assets.photos), loss_network)
        except CorpusRejected:
            continue
    sys.exit(f"None of the paintings is that of {card.name}; name it with --painting.")


def _photos(assets: Assets, context: TrainingContext) -> list[Pixels]:
    album = [resized(Image.open(path).convert("RGB"), SIDE) for path in assets.album()]
    return album or [_to_pixels(photo) for photo in context.held_out]


def _nets(folder: Path, card: StyleCard, backbone: Path) -> NetCache:
    """Return a style's nets as a worker has them."""
    objects = MemoryStore()
    for stage in card.stages:
        objects.put(stage.file, (folder / stage.file).read_bytes())
    body = backbone.read_bytes()
    objects.put(layout.backbone(hashlib.sha256(body).hexdigest()), body)
    factory = EngineFactory("torch", torch.device("cpu"))
    return NetCache(objects=objects, make_engine=factory, limit_bytes=1 << 30)


def _as_published(card: StyleCard, path_from: PathStart) -> Style:
    """Return the style as the catalogue has it: the rule of strength is the catalogue's own."""
    stages = [Stage(stage=s.stage, ratio=s.ratio, sha256=s.sha256, key=s.file) for s in card.stages]
    head = {"name": card.name, "title": card.title, "published": "2000-01-01T00:00:00Z"}
    return Style.model_validate({**head, "stages": stages, "path_from": path_from})


class StrengthBench:
    """Paints and measures points of paths; what two paths share is painted once."""

    def __init__(self, context: TrainingContext, photos: Sequence[Pixels], nets: NetCache) -> None:
        self._context = context
        self._photos = photos
        self._nets = nets
        self._contents = [context.loss_network.content(to_tensor(rgb)) for rgb in photos]
        self._seen: dict[Blend, tuple[float, ...]] = {}

    def path(self, style: Style) -> list[Point]:
        """Measure a path's points."""
        points: list[Point] = []
        for strength in strengths():
            parts = style.blend(strength)
            if parts not in self._seen:
                self._seen[parts] = self._measure(parts)
            points.append(Point(strength, _say(parts, style), *self._seen[parts]))
        return points

    def draw(self, style: Style, path: Path) -> None:
        """Draw a sheet of some photos at each strength."""
        rows: list[tuple[str, list[Tensor]]] = []
        for rgb in self._photos[:SHEET_PHOTOS]:
            blends = map(style.blend, strengths())
            rows.append(("", [to_tensor(self._returned(rgb, parts)) for parts in blends]))
        columns = [f"strength {strength:.1f}" for strength in strengths()]
        draw_grid(path, [f"{columns[0]}: the photo", *columns[1:]], rows)

    def _returned(self, rgb: Pixels, parts: Blend) -> Pixels:
        """Return what a service sends back for a photo that came as a JPEG."""
        painting = self._nets.engine(parts).stylize(rgb)
        photo = Photo(rgb=rgb, alpha=None, format="JPEG")
        data = encode(painting, photo, faithful=is_photo_alone(parts))
        return np.asarray(Image.open(io.BytesIO(data)))

    @torch.no_grad()
    def _measure(self, parts: Blend) -> tuple[float, ...]:
        rows: list[tuple[float, ...]] = []
        for rgb, content in zip(self._photos, self._contents, strict=True):
            result = to_tensor(self._returned(rgb, parts))
            photo = to_tensor(rgb)
            seen = distances(self._context.loss_network(result), content, self._context.target)
            psnr = -10 * torch.log10((result - photo).square().mean().clamp_min(1e-10))
            measures = (seen.style, seen.content, ssim(result, photo), psnr)
            rows.append(tuple(value.item() for value in measures))
        columns = list(zip(*rows, strict=True))
        return (*map(fmean, columns), min(columns[3]))


def strengths() -> list[float]:
    """Return the strengths that are measured: 0, 0.1, … 1."""
    return [step / (POINTS - 1) for step in range(POINTS)]


def _say(parts: Blend, style: Style) -> str:
    stage_of = {stage.sha256: f"stage {stage.stage}" for stage in style.stages}
    return " + ".join(f"{p.weight:.2f} {stage_of.get(p.sha256, 'photo')}" for p in parts)


def _to_pixels(photo: Tensor) -> Pixels:
    return (photo[0] * 255).round().byte().permute(1, 2, 0).numpy()


def points_table(points: Sequence[Point], before: Sequence[Point]) -> str:
    """Return the table of a path's points beside the path of before."""
    rows = [
        (
            f"{p.strength:.1f}",
            p.blend,
            *(f"{value:.3f}" for value in (p.style, p.content, p.ssim)),
            f"{p.psnr:.1f}",
            f"{old.style:.3f}, {old.content:.3f}, {old.ssim:.3f}, {old.psnr:.1f}",
        )
        for p, old in zip(points, before, strict=True)
    ]
    last = "from the first stage: style, content, SSIM, PSNR"
    return table(("strength", "blend", "style", "content", "SSIM", "PSNR, dB", last), rows)


#: What is measured at each point: its name, where it is, and whether it has to rise.
COLUMNS: tuple[tuple[str, Callable[[Point], float], bool], ...] = (
    ("Style distance", lambda point: point.style, False),
    ("Content distance", lambda point: point.content, True),
    ("SSIM", lambda point: point.ssim, False),
    ("PSNR", lambda point: point.psnr, False),
)


def holds(points: Sequence[Point]) -> bool:
    """Whether a path begins at the photo, and every step adds style and costs content."""
    steps = (_steps(points, value, rises) for _, value, rises in COLUMNS)
    return points[0].least_psnr >= LEAST_PSNR and all(min(way) > 0 for way in steps)


def verdict(points: Sequence[Point]) -> str:
    """Say how near the photo a path begins, and whether each column goes one way all along."""
    say = [f"At strength {points[0].strength:g} the least PSNR is {points[0].least_psnr:.1f} dB."]
    for name, value, rises in COLUMNS:
        steps = _steps(points, value, rises)
        way = "rises" if rises else "falls"
        if min(steps) > 0:
            largest = steps.index(max(steps))
            at = f"{points[largest].strength:.1f} to {points[largest + 1].strength:.1f}"
            say.append(f"{name} {way} at every point, by {max(steps):.3f} at most ({at}).")
        else:
            wrong = [step for step in steps if step <= 0]
            say.append(
                f"{name} goes the wrong way in {len(wrong)} of {len(steps)} steps, "
                f"by {-min(wrong):.4f} at most."
            )
    return " ".join(say)


def _steps(points: Sequence[Point], value: Callable[[Point], float], rises: bool) -> list[float]:
    """Return how far each step goes the right way."""
    sign = 1 if rises else -1
    return [sign * (value(b) - value(a)) for a, b in itertools.pairwise(points)]


if __name__ == "__main__":
    main()
