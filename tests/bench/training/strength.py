"""Strength as a knob: ten points along a style's stages.

    python3 infra/dev.py bench strength [--style infra/styles/NAME] [--painting FILE]

For each point the style's blend is made as the worker makes it, and measured on held-out photos:
style distance should fall and content distance rise all along.
"""

import itertools
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.catalogue import Stage, Style
from infra.catalogue.card import StyleCard
from tests.bench.common.options import parser, prepare, save
from tests.bench.common.tables import table
from tests.bench.training.common.assets import Assets, find_assets
from tests.bench.training.common.pictures import draw_grid, paint
from trainer.cli.train import config_from_card
from trainer.data.corpus import CorpusRejected
from trainer.loss.measure import Measured
from trainer.training.context import TrainingContext
from worker.net import TransformNet
from worker.net.netfile import blend, unpack

POINTS = 10
BUNDLED = Path("infra/styles")
#: Photos on the sheet.
SHEET_PHOTOS = 5
#: Held-out photos that are measured, by scale.
PHOTOS = {"tiny": 1, "small": 8, "full": None}


@dataclass(frozen=True, slots=True)
class Point:
    """One strength and what it measures."""

    strength: float
    #: The stages it lies between, and how far.
    blend: str
    measured: Measured


def main() -> None:
    """Measure every bundled style, or the one that was named."""
    options = parser("strength", __doc__ or "")
    options.add_argument("--style", type=Path, action="append", help="style folder; may repeat")
    options.add_argument("--painting", type=Path, help="default: found by the card's hash")
    chosen = options.parse_args()
    out = prepare(chosen)
    assets = find_assets()
    folders = chosen.style or sorted(path.parent for path in BUNDLED.glob("*/card.json"))
    for folder in folders:
        card = StyleCard.read(folder)
        context = _context(assets, card, chosen.painting)
        context.held_out = context.held_out[: PHOTOS[chosen.scale]]
        points = measure_style(context, folder, card, out)
        save(out, f"strength-{card.name}", [asdict(point) for point in points])
        print(f"\n### Strength of {card.name}: {len(context.held_out)} held-out photos\n")
        print(points_table(points), f"\n\n{verdict(points)}")


def _context(assets: Assets, card: StyleCard, painting: Path | None) -> TrainingContext:
    network = assets.loss_network(card.training.loss_network)
    for path in [painting] if painting else assets.paintings().values():
        try:
            return TrainingContext(config_from_card(card, path, assets.photos), network)
        except CorpusRejected:
            continue
    sys.exit(f"None of the paintings is that of {card.name}; name it with --painting.")


def measure_style(
    context: TrainingContext, folder: Path, card: StyleCard, out: Path
) -> list[Point]:
    """Measure ten strengths of a style and draw their sheet into `out`."""
    style = _as_published(card)
    nets = {s.sha256: unpack((folder / s.file).read_bytes())[0] for s in card.stages}
    stage_of = {s.sha256: s.stage for s in card.stages}
    points: list[Point] = []
    pictures: list[TransformNet] = []
    for step in range(POINTS):
        strength = step / (POINTS - 1)
        parts = style.blend(strength)
        net = blend([(nets[part.sha256], part.weight) for part in parts])
        text = " + ".join(f"{part.weight:.2f} of stage {stage_of[part.sha256]}" for part in parts)
        points.append(Point(strength, text, context.measure(net)))
        pictures.append(net)
    photos = context.held_out[:SHEET_PHOTOS]
    columns = ["photo", *(f"strength {point.strength:.2f}" for point in points)]
    rows = [("", [photo, *(paint(net, photo) for net in pictures)]) for photo in photos]
    draw_grid(out / f"strength-{card.name}.jpg", columns, rows)
    return points


def _as_published(card: StyleCard) -> Style:
    """Return the style as the catalogue has it: the rule of strength is the catalogue's own."""
    return Style.model_validate(
        {
            "name": card.name,
            "title": card.title,
            "published": "2000-01-01T00:00:00Z",
            "stages": [
                Stage(stage=s.stage, ratio=s.ratio, sha256=s.sha256, key=s.file)
                for s in card.stages
            ],
        }
    )


def points_table(points: list[Point]) -> str:
    """Return the table of a style's points."""
    rows = [
        (
            f"{p.strength:.2f}",
            p.blend,
            f"{p.measured.style:.3f}",
            f"{p.measured.content:.3f}",
            f"{p.measured.ssim:.3f}",
        )
        for p in points
    ]
    return table(("strength", "blend", "style distance", "content distance", "SSIM"), rows)


def verdict(points: list[Point]) -> str:
    """Say whether style falls and content rises at every point, and where it is worst."""
    style = [b.measured.style - a.measured.style for a, b in itertools.pairwise(points)]
    content = [b.measured.content - a.measured.content for a, b in itertools.pairwise(points)]
    say = [
        f"Style distance {'falls at every point' if max(style) < 0 else _broken(style, 1)}.",
        f"Content distance {'rises at every point' if min(content) > 0 else _broken(content, -1)}.",
    ]
    return " ".join(say)


def _broken(steps: list[float], sign: int) -> str:
    wrong = [step for step in steps if step * sign >= 0]
    worst = max(wrong, key=abs)
    return f"goes the wrong way in {len(wrong)} of {len(steps)} steps, by {abs(worst):.4f} at most"


if __name__ == "__main__":
    main()
