"""What the measurements of engines stand on is what they say it is."""

import numpy as np
import pytest
import torch

from tests.bench.common.nets import light_net, photo, standard_net
from tests.bench.painting.cold import heaviest_imports
from tests.bench.painting.common.difference import differences
from tests.bench.painting.large import difference_at_borders
from tests.bench.painting.memory import Reading, promises, random_sizes
from worker.engines.pytorch.engine import TorchEngine
from worker.net import NetConfig


def test_the_standard_net_paints_as_the_light_one_does() -> None:
    """So both are trained, and errors count for both."""
    rgb = photo(40, 56)
    wide = standard_net()
    assert wide.config == NetConfig(width=32, grain=light_net().config.grain)
    paintings = [
        TorchEngine(net, device=torch.device("cpu")).stylize(rgb) for net in (light_net(), wide)
    ]
    found = differences(*paintings)
    assert found["within_one"] == 1
    assert paintings[0].std() > 20


def test_differences_are_counted_in_bytes() -> None:
    reference = np.full((10, 10, 3), 255, np.uint8)
    painting = reference.copy()
    painting[0, 0] = (254, 250, 0)
    found = differences(painting, reference)
    assert found["largest_difference"] == 255
    assert found["within_one"] == 0.99  # of pixels, whichever of their values are off
    assert found["psnr"] == pytest.approx(10 * np.log10(255**2 * 300 / (1 + 25 + 255**2)))
    assert differences(reference, reference)["psnr"] == float("inf")


def test_albums_of_random_sizes_stay_in_their_bounds() -> None:
    sizes = random_sizes(200, 20_000, 300_000)
    assert len(set(sizes)) > 190
    assert all(19_000 < height * width < 310_000 for height, width in sizes)
    assert all(0.55 < height / width < 1.8 for height, width in sizes)


def test_memory_is_held_against_the_first_reading() -> None:
    def read(*peaks: int) -> list[bool]:
        return [promise.kept for promise in promises([Reading(50, 10, peak) for peak in peaks])]

    assert read(100, 102, 98, 110) == [True, True, True, True]
    assert read(100, 96, 96, 120) == [False, True, True, True]  # one photo that took more
    assert read(100, 104, 108, 112) == [True, False, True, True]  # a little more each time


def test_memory_is_held_against_a_limit_of_its_own() -> None:
    readings = [Reading(50, 10, megabytes * 10**6) for megabytes in (990, 1000, 1001)]
    assert promises(readings[:2])[-1].kept
    assert not promises(readings)[-1].kept


def test_a_step_at_tiles_borders_is_seen_where_all_else_is_equal() -> None:
    apart = np.zeros((64, 64, 3), np.int16)
    assert difference_at_borders(apart, 32) == 1
    apart[32] = 9
    assert difference_at_borders(apart, 32) == float("inf")


def test_imports_are_reported_by_package() -> None:
    found = dict(heaviest_imports("json.tool", 99))
    assert {"json", "argparse"} <= set(found)
    assert not any("." in name for name in found)
