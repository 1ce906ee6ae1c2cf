"""What measurements conclude from their numbers."""

from dataclasses import replace
from pathlib import Path

import pytest

from infra.jobs.domain.schedule import Schedule
from tests.bench.common.tables import spread, table
from tests.bench.training import schedule, strength, warmstart
from tests.bench.training.common import pairs
from tests.bench.training.common.arms import Outcome
from trainer.loss.measure import Measured


def outcome(style: float, content: float, seconds: float = 1.0) -> Outcome:
    return Outcome(Measured(content, style, 0.5, 0.4), seconds, str(Path()))


def cell(arm: str, *path: tuple[float, float]) -> pairs.Cell:
    measured = [outcome(style, content).measured for style, content in path]
    return pairs.Cell("waves", "plain", 1.0, arm, 1, outcome(*path[-1]), measured)


def test_a_staged_schedule_rises_to_the_last_ratio_in_all_the_iterations() -> None:
    made = Schedule.parse(schedule.staged(150, 1201))
    assert made.iterations == 1201
    assert made.stages[0].ratio == schedule.LOWEST
    assert made.stages[-1].ratio == 150


def test_content_is_compared_at_equal_style() -> None:
    """Between the staged path's styles 0.1 and 0.4, style 0.2 lies halfway by logarithm."""
    staged = cell("staged", (0.9, 0.3), (0.4, 0.4), (0.1, 0.8))
    direct = cell("direct", (0.2, 0.7))
    assert pairs.content_gap(staged, direct) == pytest.approx(-0.1)
    assert "| -0.100 | 1 of 1 | 0 of 1 | 1 of 1 |" in pairs.equal_style_table([staged, direct])


def test_a_style_that_the_staged_path_does_not_pass_is_not_compared() -> None:
    staged, direct = cell("staged", (0.9, 0.3), (0.4, 0.4)), cell("direct", (0.2, 0.7))
    assert pairs.content_gap(staged, direct) is None
    assert "| – | 0 of 0 | 1 of 1 | 0 of 1 |" in pairs.equal_style_table([staged, direct])


def test_the_finding_holds_where_most_pairs_keep_and_lose_so() -> None:
    """Both content and loss of the photo are compared at the direct net's own style."""
    staged = cell("staged", (0.9, 0.3), (0.4, 0.4), (0.1, 0.8))
    direct = cell("direct", (0.2, 0.7))
    lost = replace(direct.outcome.measured, lost=0.9)
    loser = replace(direct, outcome=replace(direct.outcome, measured=lost))
    assert pairs.lost_gap(staged, loser) == pytest.approx(-0.5)
    told = pairs.verdict([staged, loser])
    assert "finding holds" in told
    assert "keeps more content in 1 of 1 pairs, and has lost less of the photo in 1" in told
    assert "less style distance in 1 of 1" in told
    keeper = cell("direct", (0.2, 0.5))
    assert "does not hold" in pairs.verdict([staged, keeper])
    assert "does not hold" in pairs.verdict([staged, cell("direct", (0.05, 0.9))])


def test_over_a_vgg_the_ladder_begins_where_it_is_told_to() -> None:
    made = Schedule.parse(schedule.staged(8, 800, schedule.VGG_LOWEST))
    assert [stage.ratio for stage in made.stages] == pytest.approx(
        [0.1, 0.299, 0.894, 2.675, 8], rel=1e-3
    )
    assert made.iterations == 800


def run(share: float, style: float, content: float, start: str = "base") -> warmstart.Run:
    return warmstart.Run("waves", start, share, int(1000 * share), outcome(style, content, share))


def test_the_smallest_share_that_is_as_good_is_the_answer() -> None:
    runs = [
        run(1.0, 0.10, 0.50, "scratch"),
        run(0.1, 0.20, 0.40),  # not enough style
        run(0.25, 0.10, 0.70),  # style at the photo's cost
        run(0.4, 0.10, 0.50),
        run(0.6, 0.08, 0.50),
    ]
    assert "400 iterations (40%)" in warmstart.verdict(runs)
    assert "no share" in warmstart.verdict(runs[:3])
    promised = warmstart.promise(runs)
    assert (promised.figure, promised.limit, promised.kept) == ("40%", "≤ 25%", False)
    assert not warmstart.promise(runs[:3]).kept
    assert warmstart.promise([runs[0], run(0.25, 0.10, 0.50)]).kept


def test_shares_keep_the_ratios() -> None:
    assert warmstart.scaled("0.1:100,1:300", 100) == "0.1:25,1:75"


def point(style: float, content: float, psnr: float = 20.0) -> strength.Point:
    return strength.Point(content, "", style, content, 1 - content, psnr - content, psnr)


def test_a_step_in_the_wrong_direction_is_reported_with_its_size() -> None:
    good = [point(0.6, 0.0, 50.0), point(0.3, 0.4), point(0.2, 0.5)]
    assert "Style distance falls at every point, by 0.300 at most (0.0 to 0.4)." in (
        strength.verdict(good)
    )
    assert "Content distance rises at every point" in strength.verdict(good)
    assert "At strength 0 the least PSNR is 50.0 dB." in strength.verdict(good)
    assert strength.holds(good)
    assert not strength.holds([point(0.6, 0.0, 44.9), *good[1:]])
    bad = strength.verdict([point(0.6, 0.5), point(0.4, 0.45), point(0.45, 0.5)])
    assert "Style distance goes the wrong way in 1 of 2 steps, by 0.0500" in bad
    assert "Content distance goes the wrong way in 1 of 2 steps, by 0.0500" in bad
    assert not strength.holds([point(0.6, 0.0, 50.0), point(0.6, 0.4), point(0.5, 0.5)])


def test_tables_are_markdown() -> None:
    assert table(("a", "b"), [("x", 1)]) == "| a | b |\n| --- | ---: |\n| x | 1 |"
    assert spread([1.0]) == "1.000"
    assert spread([1.0, 3.0], digits=1) == "2.0 ± 1.4"
