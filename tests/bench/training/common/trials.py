"""Ways to learn a painting, measured alike: distances, a neutral one, seconds and dead areas."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from PIL import Image
from torch import Tensor

from tests.bench.common.promises import Promise, at_most
from tests.bench.common.tables import table
from tests.bench.quality.common.curves import normalised
from tests.bench.quality.common.programs import read
from tests.bench.quality.common.sheets import beside
from tests.bench.quality.common.style import MEASURES, StyleGauge
from trainer.loss.holes import blank_of, dead_share
from trainer.loss.measure import Measured
from trainer.training.context import to_tensor
from worker.engines.port import Pixels
from worker.net import TransformNet
from worker.net.grain import paint

#: Photos that the neutral distance is a mean over.
NEUTRAL_PHOTOS = 4
#: Part of today's seconds in which the first stage must be as good.
FIRST = 0.25
#: Seconds on two cores in which the last stage must be there.
WHOLE_SECONDS = 240.0
CORES = 2


@dataclass(frozen=True, slots=True)
class Trial:
    """One painting, learned in one way so far."""

    painting: str
    #: Whether the backbone was trained on it.
    seen: bool
    profile: str
    measured: Measured
    #: Of processor time, from the beginning.
    seconds: float
    #: Largest share of a photo of the album, 0..1, that is dead in its painting.
    dead: float
    #: Style distance by measures that nothing was trained on: 1 is a photo's, 0 the painting.
    neutral: float

    def as_good_as(self, other: "Trial") -> bool:
        """Whether this has no more style distance, by either measure, and no dead area."""
        return (
            self.measured.style <= other.measured.style
            and self.neutral <= other.neutral
            and self.dead == 0
        )


def worst_hole(net: TransformNet, photos: Sequence[Tensor]) -> float:
    """Return the largest share of a photo, 0..1, that is dead in its painting."""
    return max(dead_share(paint(net, photo), blank_of(net)) for photo in photos)


def neutral_style(net: TransformNet, photos: Sequence[Tensor], painting: Path) -> float:
    """Return the neutral style distance of a net's paintings of some photos."""
    seen = [_pixels(photo) for photo in photos[:NEUTRAL_PHOTOS]]
    own, ours = [], []
    for photo, pixels in zip(photos, seen, strict=False):
        gauge = StyleGauge(beside(read(painting), pixels))
        own.append(gauge.distances(pixels))
        ours.append(gauge.distances(_pixels(paint(net, photo))))
    mean = [{name: fmean(one[name] for one in all_) for name in MEASURES} for all_ in (ours, own)]
    return normalised(*mean)


def _pixels(picture: Tensor) -> Pixels:
    return (picture[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()


def read_photo(path: Path) -> Tensor:
    """Read a photo in its own size, as nets take it."""
    with Image.open(path) as photo:
        return to_tensor(np.asarray(photo.convert("RGB")))


def trials_table(trials: Sequence[Trial]) -> str:
    """Return the table of paintings and ways."""
    rows = [
        (
            f"{trial.painting}{'' if trial.seen else ' (new to the backbone)'}, {trial.profile}",
            f"{trial.measured.style:.3f}",
            f"{trial.neutral:.3f}",
            f"{trial.measured.content:.3f}",
            f"{trial.measured.ssim:.3f}",
            f"{trial.seconds:.0f}",
            f"{trial.dead:.3%}",
        )
        for trial in trials
    ]
    head = (
        "painting, way",
        "style",
        "neutral style",
        "content",
        "SSIM",
        "processor seconds",
        "dead",
    )
    return table(head, rows)


def promises(name: str, stages: Sequence[Trial], today: Trial) -> list[Promise]:
    """Hold the stages of a quick style, in their order, against today's whole one."""
    usable = next((stage for stage in stages if stage.as_good_as(today)), None)
    limit = FIRST * today.seconds
    what = f"{name}: processor seconds to today's style"
    first = (
        at_most(what, usable.seconds, limit, "{:.0f}")
        if usable
        else Promise(what, "never", f"≤ {limit:.0f}", kept=False)
    )
    whole = stages[-1].seconds / CORES
    return [first, at_most(f"{name}: seconds on two cores", whole, WHOLE_SECONDS, "{:.0f}")]
