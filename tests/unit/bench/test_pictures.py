"""What pictures are measured by, and which program a measurement calls ahead."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.bench.common.promises import Promise
from tests.bench.quality.common.content import SAME_DB, Content, content_of
from tests.bench.quality.common.curves import (
    Point,
    compare,
    content_at,
    normalised,
    strength_at,
    style_at,
)
from tests.bench.quality.common.report import Match, promise, verdicts
from tests.bench.quality.common.sheets import beside, draw_sheet
from tests.bench.quality.common.study import Course, Measured, Study, Subject
from tests.bench.quality.common.style import MEASURES, StyleGauge
from worker.engines.port import Pixels


def strokes(*, across: bool = False, colour: tuple[int, int, int] = (60, 90, 150)) -> Pixels:
    """A picture of soft strokes of one direction, (96, 128, 3), in one colour."""
    noise = np.random.default_rng(1).normal(size=(96, 128))
    spectrum = np.fft.fft2(noise)
    down, right = np.meshgrid(np.fft.fftfreq(96), np.fft.fftfreq(128), indexing="ij")
    along, over = (down, right) if across else (right, down)
    spectrum *= np.exp(-((along / 0.02) ** 2)) * (np.abs(over) > 0.05) * (np.abs(over) < 0.3)
    seen = np.fft.ifft2(spectrum).real
    picture = np.array(colour) + 40 * (seen / seen.std())[..., None]
    return picture.clip(0, 255).astype(np.uint8)


def shifted(picture: Pixels, by: int) -> Pixels:
    return (picture.astype(int) + np.array((by, 0, -by))).clip(0, 255).astype(np.uint8)


def test_a_picture_is_at_no_distance_from_itself() -> None:
    assert set(StyleGauge(strokes()).distances(strokes()).values()) == {0.0}


def test_another_palette_is_another_colour_and_hardly_other_strokes() -> None:
    gauge = StyleGauge(strokes())
    near, far = (gauge.distances(shifted(strokes(), by)) for by in (15, 45))
    assert 0.1 < near["colour"] < far["colour"] / 2
    assert near["patches"] < 0.1
    assert near["pyramid"] < 0.1


def test_strokes_of_another_direction_are_seen_by_what_looks_at_strokes() -> None:
    turned = StyleGauge(strokes()).distances(strokes(across=True))
    assert turned["patches"] > 0.2
    assert turned["pyramid"] > 0.2
    assert turned["colour"] < 0.1


def test_a_picture_without_strokes_is_far_from_one_with_them() -> None:
    flat = StyleGauge(strokes()).distances(np.full((96, 128, 3), 90, np.uint8))
    assert flat["patches"] > 0.9
    assert flat["pyramid"] > 0.9


def test_content_is_whole_in_the_photo_and_gone_in_a_blank() -> None:
    photo = strokes()
    same = content_of(photo, photo)
    assert (same.ssim, same.edges, same.psnr) == (pytest.approx(1), pytest.approx(1), SAME_DB)
    blank = content_of(np.full_like(photo, 90), photo)
    assert blank.edges == 0
    assert blank.ssim < 0.1
    noisy = np.random.default_rng(2).normal(photo, 12).clip(0, 255).astype(np.uint8)
    between = content_of(noisy, photo)
    assert 0.2 < between.kept < 0.98
    assert between.psnr == pytest.approx(20 * np.log10(255 / 12), abs=0.5)


#: Content falls and style comes nearer, in a line.
STEADY = [Point(0.0, 1.0, 1.0), Point(0.5, 0.8, 0.6), Point(1.0, 0.6, 0.2)]


def test_between_its_points_a_curve_is_a_line() -> None:
    assert style_at(STEADY, 0.7) == pytest.approx(0.4)
    assert content_at(STEADY, 0.4) == pytest.approx(0.7)
    assert strength_at(STEADY, 0.7) == pytest.approx(0.75)
    assert style_at(STEADY, 0.8) == pytest.approx(0.6)


def test_where_a_curve_never_comes_nothing_is_told() -> None:
    assert style_at(STEADY, 0.5) is None
    assert content_at(STEADY, 0.1) is None


def test_where_a_curve_comes_by_twice_its_worst_counts() -> None:
    bent = [Point(0.0, 0.9, 1.0), Point(0.5, 0.5, 0.8), Point(1.0, 0.7, 0.4)]
    assert style_at(bent, 0.6) == pytest.approx(0.85)


def test_more_style_at_equal_content_is_ahead() -> None:
    """Theirs keeps as much as ours at 0.75, and has 0.1 more of distance; below 0.5 none counts."""
    theirs = [Point(0.2, 0.7, 0.0), Point(1.0, 0.7, 0.5)]
    found = compare(STEADY, theirs)
    assert found.style == pytest.approx(0.1)
    assert found.content == pytest.approx(0.05)
    assert found.won
    assert not compare(STEADY, [Point(1.0, 0.7, 0.3)]).won


def test_a_strong_picture_is_compared_by_its_content_where_ours_keeps_more() -> None:
    found = compare(STEADY, [Point(1.0, 0.3, 0.4)])
    assert found.style is None
    assert found.content == pytest.approx(0.4)
    assert found.won


def test_what_cannot_be_compared_is_not_won() -> None:
    """Theirs is stronger than ours ever is: which one is better, nobody can say."""
    assert not compare(STEADY, [Point(1.0, 0.3, 0.1)]).won
    mostly = [Point(0.6, 0.3, 0.4), Point(0.8, 0.3, 0.1), Point(1.0, 0.3, 0.05)]
    assert compare(STEADY, mostly).told == pytest.approx(1 / 3)
    assert not compare(STEADY, mostly).won
    assert compare(STEADY, mostly[:2]).won


def test_style_is_a_share_of_the_photos_own_distance() -> None:
    assert normalised({"a": 1.0, "b": 0.3}, {"a": 2.0, "b": 0.3}) == pytest.approx(0.75)


class Fading:
    """A program that fades photos to the painting's mean colour; counts what it is asked for."""

    def __init__(self, name: str = "fading", power: float = 1.0) -> None:
        self.name = name
        self.power = power
        self.asked = 0

    def identity(self, style: str, painting: Path, strength: float) -> str:
        return f"{style} {self.power}"

    def paint(
        self, style: str, painting: Path, strength: float, photos: Sequence[Path]
    ) -> list[Pixels]:
        self.asked += 1
        with Image.open(painting) as seen:
            mean = np.array(seen.convert("RGB")).mean((0, 1))
        share = strength**self.power
        pictures = [np.array(Image.open(photo).convert("RGB")) for photo in photos]
        return [((1 - share) * p + share * mean).round().astype(np.uint8) for p in pictures]


def write(path: Path, picture: Pixels) -> Path:
    Image.fromarray(picture).save(path)
    return path


def test_a_study_measures_each_picture_once_and_again_for_another_photo(tmp_path: Path) -> None:
    photo = write(tmp_path / "photo.png", strokes(colour=(150, 90, 60)))
    subject = Subject("waves", write(tmp_path / "painting.png", strokes()))
    program = Fading()
    first = Study([photo], tmp_path / "kept").course(program, subject, [0, 0.5])
    assert program.asked == 2
    assert Study([photo], tmp_path / "kept").course(program, subject, [0, 0.5]) == first
    assert program.asked == 2
    start, middle = first.curve("colour")
    assert (start.content, start.style) == (pytest.approx(1), 1.0)
    assert middle.content < 1
    assert middle.style < 1
    write(photo, strokes(colour=(150, 90, 61)))
    Study([photo], tmp_path / "kept").course(program, subject, [0])
    assert program.asked == 3


def course(program: str, *points: Point) -> Course:
    """A course whose curve has these points, by each measure alone as well."""
    photos = Measured(0.0, Content(1.0, 1.0, SAME_DB), dict.fromkeys(MEASURES, 2.0))
    path = [
        Measured(
            p.strength, Content(p.content, p.content, 20.0), dict.fromkeys(MEASURES, 2 * p.style)
        )
        for p in points
    ]
    return Course("waves", program, photos, path)


def test_won_styles_are_counted_against_what_was_promised() -> None:
    ours = course("ours", *STEADY)
    assert ours.curve("colour")[1] == STEADY[1]
    won = Match(ours, course("other", Point(1.0, 0.7, 0.5)))
    lost = Match(ours, course("other", Point(1.0, 0.7, 0.3)))
    both = "| waves | 0.600, 0.200 | 0.700, 0.500 | 0.75 |"
    assert f"{both} +0.100 | +0.050 | 100% | yes | yes | yes | yes |" in verdicts([won, lost])
    what = "styles ahead of other"
    assert promise([won, lost], 0.8) == Promise(what, "1 of 2", "≥ 2", kept=False)
    assert promise([won] * 4 + [lost], 0.8).kept


def test_a_sheet_shows_each_pixel_as_it_is(tmp_path: Path) -> None:
    photo, painting = strokes(), strokes(across=True)[:, :64]
    hung = beside(painting, photo)
    assert hung.shape == (128, 85, 3)
    draw_sheet(tmp_path / "sheet.jpg", ["painting", "photo"], [[hung, photo], [hung, photo]])
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        shown = np.array(sheet.crop((85 + 6, 28, 85 + 6 + 128, 28 + 96)))
    assert np.abs(shown.astype(int) - photo).mean() < 4
