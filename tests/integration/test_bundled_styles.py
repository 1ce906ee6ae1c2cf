"""Bundled styles are what their cards say, and repeat bit for bit where they were made."""

import hashlib
import os
import subprocess
import sys
from itertools import pairwise

import pytest
from PIL import Image

from infra.bundled import BUNDLED_STYLES
from infra.catalogue.card import StyleCard
from worker.net.netfile import read_card

NAMES = sorted(path.parent.name for path in BUNDLED_STYLES.glob("*/card.json"))


def test_water_lilies_is_bundled() -> None:
    assert "water-lilies" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_stages_are_the_files_on_the_card(name: str) -> None:
    card = StyleCard.read(BUNDLED_STYLES / name)
    assert len(card.stages) == len(card.training.schedule.split(","))
    for stage in card.stages:
        data = (BUNDLED_STYLES / name / stage.file).read_bytes()
        assert hashlib.sha256(data).hexdigest() == stage.sha256
        described = read_card(data)
        if stage.sha256 == card.base_sha256:
            continue  # another style's first stage, taken as it is
        assert (described.style, described.stage, described.ratio) == (
            name,
            stage.stage,
            stage.ratio,
        )


@pytest.mark.parametrize("name", NAMES)
def test_every_stage_has_more_style_than_the_one_before(name: str) -> None:
    stages = StyleCard.read(BUNDLED_STYLES / name).stages
    assert all(a.held_out.style > b.held_out.style for a, b in pairwise(stages))


@pytest.mark.parametrize("name", NAMES)
def test_the_contact_sheet_has_a_column_a_stage(name: str) -> None:
    """It is for people, but an empty or stale one would be seen here."""
    card = StyleCard.read(BUNDLED_STYLES / name)
    with Image.open(BUNDLED_STYLES / name / "contact-sheet.jpg") as sheet:
        cells = 1 + len(card.stages)
        assert sheet.width == cells * (260 + 4) + 4


def test_bundled_styles_stay_small() -> None:
    """Everybody who installs Impasto downloads them."""
    assert sum(path.stat().st_size for path in BUNDLED_STYLES.rglob("*") if path.is_file()) <= 30e6


def test_the_gallery_of_the_readme_loads_at_once() -> None:
    """`impasto styles sheet photos/chelsea.png` made it; a smaller `--side` makes it smaller."""
    assert (BUNDLED_STYLES / "gallery.jpg").stat().st_size <= 400_000


@pytest.mark.parametrize("name", NAMES)
def test_the_command_on_the_card_repeats_a_stage(name: str) -> None:
    """The first 20 iterations of it, in a process of their own."""
    if "IMPASTO_ASSETS" not in os.environ:
        pytest.skip("needs the paintings, photos and weights of IMPASTO_ASSETS")
    command = StyleCard.read(BUNDLED_STYLES / name).reproduce.replace("python", sys.executable, 1)
    run = subprocess.run(
        ["bash", "-c", command],
        cwd=BUNDLED_STYLES.parents[1],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    # Rounding is another on another kind of processor; the command itself says by how much.
    unknown = "rounds otherwise" in run.stderr
    assert unknown or "20 of 20 losses equal, weights equal" in run.stderr
