"""Measurements run from their command lines to their tables, here at a size without meaning."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

from tests.bench.painting import gpu
from trainer.loss.torchvision_import import models

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as IMPASTO_ASSETS names one: noise for photos and paintings, untrained weights."""
    folder = tmp_path_factory.mktemp("assets")
    for part in ("photos/corpus", "paintings", "weights"):
        (folder / part).mkdir(parents=True)
    random = np.random.default_rng(1)
    names = [f"photos/corpus/{n}" for n in range(5)]
    names += [f"paintings/{n}" for n in ("water_lilies", "great_wave", "composition_vii")]
    for name in names:
        coarse = random.integers(0, 256, (9, 12, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((400, 300)).save(folder / f"{name}.jpg")
    torch.manual_seed(0)
    state = models.get_model("squeezenet1_1", weights=None).state_dict()
    torch.save(state, folder / "weights" / "squeezenet1_1.pth")
    return folder


def run_bench(assets: Path, name: str, out: Path, *options: str) -> str:
    (path,) = (ROOT / "tests" / "bench").glob(f"*/{name}.py")
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    command = [sys.executable, "-m", module, "--scale", "tiny", "--threads", "1"]
    done = subprocess.run(
        [*command, "--out", str(out), *options],
        env={**os.environ, "IMPASTO_ASSETS": str(assets)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("schedule", ("--paintings", "1", "--losses", "plain"), "content less direct content"),
        ("quick", ("--painting", "de-stijl"), "1000 quick styles resident"),
        (
            "pictures",
            ("--style", "great-wave", "--opponents", "before", "--revision", "HEAD"),
            "styles ahead of HEAD",
        ),
    ],
)
def test_a_measurement_ends_in_its_table_with_results_and_pictures(
    assets: Path, tmp_path: Path, name: str, options: tuple[str, ...], says: str
) -> None:
    printed = run_bench(assets, name, tmp_path, *options)
    assert "| ---: |" in printed
    assert says in printed
    assert (tmp_path / f"{name}.json").stat().st_size > 100
    with Image.open(tmp_path / f"{name}.jpg") as sheet:
        assert sheet.width > 500


def test_a_measurement_that_was_stopped_repeats_no_training(assets: Path, tmp_path: Path) -> None:
    options = ("--paintings", "1", "--shares", "0.5")
    first = run_bench(assets, "warmstart", tmp_path, *options)
    again = run_bench(assets, "warmstart", tmp_path, *options)
    assert "reference" in first
    assert "seed 1" in first
    assert "seed 1" not in again  # no line of a finished training
    assert first.partition("###")[2] == again.partition("###")[2]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("engines", "standard, 64×48, OpenVINO"),
        ("cold", "start to first answer"),
        ("large", "times the difference elsewhere"),
        ("memory", "over that after the first 6 photos"),
        ("album", "| photos painted when sent again | 0 | ≤ 0 | yes |"),
    ],
)
def test_a_measurement_of_the_service_needs_no_assets(tmp_path: Path, name: str, says: str) -> None:
    printed = run_bench(tmp_path, name, tmp_path)
    assert "| ---: |" in printed
    assert says in printed
    assert (tmp_path / f"{name}.json").stat().st_size > 100


def wheels_named(text: str) -> set[str]:
    """The distributions that a `pip install` line in a text names, with what they require."""
    line = next(line for line in text.splitlines() if "pip install" in line)
    waiting = {wheel.partition("==")[0] for wheel in line.split()[2:]}
    found: set[str] = set()
    while waiting:
        name = canonicalize_name(waiting.pop())
        found.add(name)
        for text in metadata.requires(name) or ():
            needed = Requirement(text)
            here = needed.marker is None or needed.marker.evaluate({"extra": ""})
            if here and canonicalize_name(needed.name) not in found:
                waiting.add(needed.name)
    return found


def test_the_gpus_measurement_needs_no_wheels_but_those_that_it_names(tmp_path: Path) -> None:
    """On a bare checkout, where there is nothing of ours either; and it says what it is not."""
    named = wheels_named(gpu.__doc__ or "")
    missing = {
        package
        for package, wheels in metadata.packages_distributions().items()
        if not {canonicalize_name(wheel) for wheel in wheels} & named
    } - {"api", "infra", "tests", "trainer", "worker"}
    assert {"redis", "boto3", "flask", "celery", "openvino"} <= missing
    script = f"""
import runpy, sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, *where):
        missing = name.partition(".")[0] in {missing!r}
        return None if missing else self.finder.find_spec(name, *where)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
sys.argv[0] = "gpu"
runpy.run_module("tests.bench.painting.gpu", run_name="__main__")
"""
    options = ["--device", "cpu", "--threads", "1", "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", script, *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "no GPU: no measurement" in done.stdout
    assert (tmp_path / "gpu.json").stat().st_size > 100
