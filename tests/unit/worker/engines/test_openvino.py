"""OpenVINO paints what PyTorch paints, at any size, and holds no more than it may."""

import numpy as np
import openvino as ov
import openvino.opset15 as op
import pytest
import torch

from worker.engines.openvino.engine import OpenVinoEngine
from worker.engines.openvino.graph import instance_norm
from worker.engines.openvino.programs import (
    Program,
    Programs,
    activation_bytes,
    calculates_in_bfloat16,
)
from worker.engines.port import Pixels
from worker.engines.pytorch.engine import TorchEngine
from worker.engines.weights import rewritten
from worker.net import NetConfig, TransformNet, Upsample

CPU = torch.device("cpu")
F32 = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}


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
def programs() -> Programs:
    return Programs(limit_bytes=1 << 30, threads=1)


@pytest.mark.parametrize("upsample", ["resize", "transpose"])
@pytest.mark.parametrize(
    ("height", "width"), [(64, 48), (37, 50), (38, 51), (39, 16), (16, 41), (7, 33), (1, 9)]
)
def test_it_paints_what_the_reference_paints(
    programs: Programs, upsample: Upsample, height: int, width: int
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


def test_a_nearly_flat_photo_keeps_what_it_shows(programs: Programs) -> None:
    """A cloudless sky: statistics of the first layer are next to nothing beside its mean."""
    rgb = np.full((800, 1200, 3), 200, np.uint8)
    rgb[np.random.default_rng(0).random(rgb.shape[:2]) < 0.01] += 1
    net = lively_net(NetConfig(4, 1))
    expected = TorchEngine(net, device=CPU).stylize(rgb)
    apart = np.abs(OpenVinoEngine(net, programs=programs).stylize(rgb).astype(int) - expected)
    assert expected.std() > 100
    assert apart.max() <= 2
    assert (apart <= 1).mean() > 0.9999


def made(programs: Programs, config: NetConfig) -> Program:
    return programs.compile(config, rewritten(lively_net(config)))


def test_it_calculates_in_float32_whatever_the_processor_could(programs: Programs) -> None:
    compiled = made(programs, NetConfig(2, 1)).compiled
    assert compiled.get_property("INFERENCE_PRECISION_HINT").to_string() == "f32"


def test_one_net_is_compiled_once_for_all_sizes_and_nets_do_not_mix() -> None:
    """Sizes that grow and shrink, by two nets of one shape in turns."""
    programs = Programs(limit_bytes=1 << 30, threads=1)
    nets = [lively_net(NetConfig(4, 1), seed) for seed in (1, 2)]
    engines = [OpenVinoEngine(net, programs=programs) for net in nets]
    for size in ((20, 24), (64, 50), (17, 90), (20, 24)):
        for net, engine in zip(nets, engines, strict=True):
            expected = TorchEngine(net, device=CPU).stylize(noise(*size)).astype(int)
            assert np.abs(engine.stylize(noise(*size)) - expected).max() <= 1
    assert programs.held_bytes == 2 * activation_bytes(NetConfig(4, 1), 64, 50)


def test_a_painting_stays_as_it_is_when_the_next_photo_is_painted(programs: Programs) -> None:
    engine = OpenVinoEngine(lively_net(NetConfig(4, 1)), programs=programs)
    first = engine.stylize(noise(32, 32))
    kept = first.copy()
    engine.stylize(255 - noise(32, 32))
    assert np.array_equal(first, kept)


def test_the_least_recently_used_net_gives_its_activations_back() -> None:
    config = NetConfig(2, 1)
    programs = Programs(limit_bytes=2 * activation_bytes(config, 20, 20), threads=1)
    first, second, third = (made(programs, config) for _ in range(3))
    for program in (first, second, first):
        programs.paint(program, noise(20, 20))
    assert programs.held_bytes == 2 * activation_bytes(config, 20, 20)
    programs.paint(third, noise(20, 20))
    assert [bool(program.held_bytes) for program in (first, second, third)] == [True, False, True]


def test_a_program_that_is_no_longer_used_holds_nothing() -> None:
    programs = Programs(limit_bytes=1 << 30, threads=1)
    program = made(programs, NetConfig(2, 1))
    programs.paint(program, noise(20, 20))
    assert programs.held_bytes > 0
    del program
    assert programs.held_bytes == 0


def test_activations_above_the_limit_are_given_back_at_once() -> None:
    net, rgb = lively_net(NetConfig(4, 1)), noise(20, 24)
    programs = Programs(limit_bytes=1, threads=1)
    engine = OpenVinoEngine(net, programs=programs)
    expected = TorchEngine(net, device=CPU).stylize(rgb).astype(int)
    for _ in range(2):
        assert np.abs(engine.stylize(rgb) - expected).max() <= 1
        assert programs.held_bytes == 0


def test_a_photo_that_memory_is_too_small_for_is_turned_away_at_once() -> None:
    free = activation_bytes(NetConfig(2, 1), 32, 32)
    programs = Programs(limit_bytes=1 << 30, threads=1, available=lambda: free)
    engine = OpenVinoEngine(lively_net(NetConfig(2, 1)), programs=programs)
    assert engine.stylize(noise(16, 16)).shape == (16, 16, 3)
    with pytest.raises(MemoryError, match="GB are free"):
        engine.stylize(noise(64, 64))


def test_what_programs_hold_is_room_for_others_and_what_is_held_is_not_taken_again() -> None:
    """The host has room for one at a time, whatever the limit says."""
    config = NetConfig(2, 1)
    room = activation_bytes(config, 40, 40)
    programs = Programs(
        limit_bytes=1 << 30, threads=1, available=lambda: room - programs.held_bytes
    )
    first, second = made(programs, config), made(programs, config)
    programs.paint(first, noise(32, 32))
    programs.paint(first, noise(40, 40))
    programs.paint(second, noise(40, 40))
    assert (first.held_bytes, second.held_bytes) == (0, room)


def test_the_mean_of_a_large_plane_is_right_to_a_ten_thousandth() -> None:
    """12 megapixels, nearly one tone: a net whose first norm's rounding would show.

    The norm takes the mean away and divides by what is left, which is small beside it.
    """
    rows = np.linspace(900, 1100, 3000, dtype=np.float32)
    plane = np.broadcast_to(rows[:, None], (3000, 4000)) + np.float32(0.5)
    x = op.parameter([1, 1, -1, -1], np.float32)
    normed = instance_norm(x, op.constant(np.float32(1)), op.constant(np.float32(0)))
    model = ov.Model([normed], [x], "norm")  # pyright: ignore[reportGeneralTypeIssues]
    compiled = ov.Core().compile_model(model, "CPU", F32)
    seen = next(iter(compiled([np.ascontiguousarray(plane[None, None])]).values()))
    exact = (plane.astype(np.float64) - plane.mean(dtype=np.float64)) / plane.std(dtype=np.float64)
    off = np.abs(seen[0, 0] - exact).max() * plane.std() / plane.mean()
    assert off < 1e-4


def test_bfloat16_is_another_precision_where_the_processor_has_it_and_refused_elsewhere() -> None:
    def made() -> OpenVinoEngine:
        programs = Programs(limit_bytes=1 << 30, threads=1, bfloat16=True)
        return OpenVinoEngine(lively_net(NetConfig(8, 2)), programs=programs)

    if not calculates_in_bfloat16():
        with pytest.raises(ValueError, match="bfloat16"):
            made()
        return
    rgb = noise(48, 64)
    expected = TorchEngine(lively_net(NetConfig(8, 2)), device=CPU).stylize(rgb).astype(float)
    error = np.square(made().stylize(rgb) - expected).mean()
    assert 0 < error < 255**2 / 10**2.5  # more than rounding, and above 25 dB
