"""OpenVINO paints what PyTorch paints, at any size, and holds no more than it may."""

import numpy as np
import pytest
import torch

from worker.engines.openvino.engine import (
    OpenVinoEngine,
    ProgramCache,
    calculates_in_bfloat16,
    program_bytes,
)
from worker.engines.port import Pixels
from worker.engines.pytorch.engine import TorchEngine
from worker.net import NetConfig, TransformNet, Upsample

CPU = torch.device("cpu")


def lively_net(config: NetConfig, seed: int = 0) -> TransformNet:
    """A net with norms unlike one another, and a painting of all tones."""
    torch.manual_seed(seed)
    net = TransformNet(config).requires_grad_(False)
    for name, weight in net.named_parameters():
        if ".norm." in name:
            weight.add_(0.3 * torch.randn_like(weight))
    torch.nn.init.normal_(net.paint.weight, std=0.1)
    return net


def noise(height: int, width: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def programs() -> ProgramCache:
    return ProgramCache(limit_bytes=1 << 30, threads=1)


@pytest.mark.parametrize("upsample", ["resize", "transpose"])
@pytest.mark.parametrize(
    ("height", "width"), [(64, 48), (37, 50), (38, 51), (39, 16), (16, 41), (7, 33), (1, 9)]
)
def test_it_paints_what_the_reference_paints(
    programs: ProgramCache, upsample: Upsample, height: int, width: int
) -> None:
    """Sides that are odd, or odd after a halving, and sides below the smallest."""
    net, rgb = lively_net(NetConfig(4, 2, upsample)), noise(height, width)
    painted = OpenVinoEngine(net, programs=programs).stylize(rgb)
    expected = TorchEngine(net, device=CPU).stylize(rgb)
    apart = np.abs(painted.astype(int) - expected)
    assert painted.shape == rgb.shape
    assert painted.flags.c_contiguous
    assert expected.std() > 10
    assert apart.max() <= 1
    assert (apart == 0).mean() > 0.99  # a half may be rounded the other way


def test_a_nearly_flat_photo_keeps_what_it_shows(programs: ProgramCache) -> None:
    """A cloudless sky: statistics of the first layer are next to nothing beside its mean."""
    rgb = np.full((800, 1200, 3), 200, np.uint8)
    rgb[np.random.default_rng(0).random(rgb.shape[:2]) < 0.01] += 1
    net = lively_net(NetConfig(4, 1))
    expected = TorchEngine(net, device=CPU).stylize(rgb)
    apart = np.abs(OpenVinoEngine(net, programs=programs).stylize(rgb).astype(int) - expected)
    assert expected.std() > 100
    assert apart.max() <= 2
    assert (apart <= 1).mean() > 0.9999


def test_it_calculates_in_float32_whatever_the_processor_could(programs: ProgramCache) -> None:
    program = programs.program(NetConfig(2, 1), 16, 16)
    compiled = program.request.get_compiled_model()
    assert compiled.get_property("INFERENCE_PRECISION_HINT").to_string() == "f32"


def test_nets_of_one_shape_share_what_is_compiled() -> None:
    config, rgb = NetConfig(4, 1), noise(20, 24)
    programs = ProgramCache(limit_bytes=1 << 30, threads=1)
    one, two = (lively_net(config, seed) for seed in (1, 2))
    expected = [TorchEngine(net, device=CPU).stylize(rgb).astype(int) for net in (one, two)]
    engines = [OpenVinoEngine(net, programs=programs) for net in (one, two)]
    for _ in range(2):
        for engine, painting in zip(engines, expected, strict=True):
            assert np.abs(engine.stylize(rgb) - painting).max() <= 1
    assert programs.held_bytes == program_bytes(config, 20, 24)


def test_the_least_recently_used_program_goes_when_bytes_run_out() -> None:
    config = NetConfig(2, 1)
    programs = ProgramCache(limit_bytes=2 * program_bytes(config, 20, 20), threads=1)
    first = programs.program(config, 20, 20)
    second = programs.program(config, 16, 20)
    assert programs.program(config, 20, 20) is first
    programs.program(config, 20, 16)  # the second goes
    assert programs.held_bytes <= 2 * program_bytes(config, 20, 20)
    assert programs.program(config, 20, 20) is first
    assert programs.program(config, 16, 20) is not second


def test_a_program_larger_than_the_limit_is_used_and_dropped() -> None:
    net, rgb = lively_net(NetConfig(4, 1)), noise(20, 24)
    programs = ProgramCache(limit_bytes=1, threads=1)
    painted = OpenVinoEngine(net, programs=programs).stylize(rgb)
    assert np.abs(painted.astype(int) - TorchEngine(net, device=CPU).stylize(rgb)).max() <= 1
    assert programs.held_bytes == 0


def test_a_photo_that_memory_is_too_small_for_is_turned_away_at_once() -> None:
    free = program_bytes(NetConfig(2, 1), 32, 32)
    programs = ProgramCache(limit_bytes=1 << 30, threads=1, available=lambda: free)
    engine = OpenVinoEngine(lively_net(NetConfig(2, 1)), programs=programs)
    assert engine.stylize(noise(16, 16)).shape == (16, 16, 3)
    with pytest.raises(MemoryError, match="GB are free"):
        engine.stylize(noise(64, 64))


def test_what_programs_hold_is_room_for_others_and_what_is_compiled_takes_no_more() -> None:
    """The host has room for one at a time, whatever the limit says."""
    config = NetConfig(2, 1)
    room = program_bytes(config, 40, 40)
    programs = ProgramCache(
        limit_bytes=1 << 30, threads=1, available=lambda: room - programs.held_bytes
    )
    first = programs.program(config, 32, 32)
    assert programs.program(config, 32, 32) is first
    programs.program(config, 40, 40)
    assert programs.held_bytes == room


def test_bfloat16_is_another_precision_where_the_processor_has_it_and_refused_elsewhere() -> None:
    def made() -> OpenVinoEngine:
        programs = ProgramCache(limit_bytes=1 << 30, threads=1, bfloat16=True)
        return OpenVinoEngine(lively_net(NetConfig(8, 2)), programs=programs)

    if not calculates_in_bfloat16():
        with pytest.raises(ValueError, match="bfloat16"):
            made()
        return
    rgb = noise(48, 64)
    expected = TorchEngine(lively_net(NetConfig(8, 2)), device=CPU).stylize(rgb).astype(float)
    error = np.square(made().stylize(rgb) - expected).mean()
    assert 0 < error < 255**2 / 10**2.5  # more than rounding, and above 25 dB
