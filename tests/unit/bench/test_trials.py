"""What is promised of quick styles beside an earlier build's, and the neutral distance."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.bench.training.common.trials import Trial, neutral_style, promises, trials_table
from trainer.loss.measure import Measured
from worker.net import NetConfig, TransformNet


def trial(seconds: float, style: float, *, neutral: float = 0.5, dead: float = 0.0) -> Trial:
    measured = Measured(content=0.5, style=style, ssim=0.5, lost=0.4)
    return Trial("waves", False, "quick, stage 1", measured, seconds, dead, neutral)


TODAY = trial(80, 0.2)


def test_the_first_stage_that_is_as_good_counts() -> None:
    stages = [trial(10, 0.3), trial(18, 0.2), trial(300, 0.1)]
    first, whole = promises("waves", stages, TODAY)
    assert (first.figure, first.limit, first.kept) == ("18", "≤ 20", True)
    assert (whole.figure, whole.limit, whole.kept) == ("150", "≤ 240", True)


@pytest.mark.parametrize(
    "worse", [{"dead": 0.001}, {"neutral": 0.6}, {"measured": trial(0, 0.21).measured}]
)
def test_a_stage_with_less_style_or_a_dead_area_does_not(worse: dict[str, object]) -> None:
    stages = [replace(trial(10, 0.2), **worse), trial(30, 0.2)]
    first, _ = promises("waves", stages, TODAY)
    assert (first.figure, first.kept) == ("30", False)


def test_what_never_gets_there_is_missed() -> None:
    first, whole = promises("waves", [trial(500, 0.3)], TODAY)
    assert (first.figure, first.kept) == ("never", False)
    assert not whole.kept
    assert "| waves (new to the backbone), quick, stage 1 | 0.300 | 0.500 |" in trials_table(
        [trial(500, 0.3)]
    )


class Painted(TransformNet):
    """Paints one picture, whatever the photo."""

    def __init__(self, picture: torch.Tensor) -> None:
        super().__init__(NetConfig(2, 1))
        self.picture = picture

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        return self.picture


def test_the_neutral_distance_is_none_of_the_painting_and_one_of_a_photo(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    painting, photo = (
        np.array(Image.fromarray(random.integers(0, 256, (9, 12, 3), np.uint8)).resize((96, 72)))
        for _ in range(2)
    )
    Image.fromarray(painting).save(tmp_path / "painting.png")
    pictures = [torch.tensor(p).permute(2, 0, 1)[None] / 255 for p in (painting, photo)]
    itself, photos = (
        neutral_style(Painted(picture), pictures[1:], tmp_path / "painting.png")
        for picture in pictures
    )
    assert itself == pytest.approx(0, abs=1e-6)
    assert photos == pytest.approx(1)
