"""A photo painted tile by tile is the photo painted as a whole, wherever tiles end."""

import errno
import mmap
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from weakref import WeakSet

import numpy as np
import pytest
import torch

from worker.engines.port import Pixels
from worker.engines.pytorch.engine import TorchEngine
from worker.engines.streaming import painter
from worker.engines.streaming.norms import freeze, moments, whole
from worker.engines.streaming.painter import StreamedNet
from worker.engines.streaming.plane import Plane, plane_bytes
from worker.engines.streaming.windows import Span, Window, tiling
from worker.engines.weights import rewritten
from worker.net import NetConfig, TransformNet, Upsample
from worker.net.grain import PERIOD, laid

CPU = torch.device("cpu")
#: Height and width: odd and even, of a few tiles, of a row of them, and smaller than the net takes.
SIZES = ((37, 91), (64, 64), (50, 47), (17, 130), (1, 5))


def net_of(upsample: Upsample, width: int = 4, blocks: int = 2) -> TransformNet:
    torch.manual_seed(0)
    made = TransformNet(NetConfig(width, blocks, upsample)).eval()
    torch.nn.init.normal_(made.paint.weight, std=0.05)  # a painting of all tones
    return made


def noise(height: int, width: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def streamed(net: TransformNet, folder: Path, tile: int = 16, **options: object) -> StreamedNet:
    return StreamedNet(
        config=net.config,
        weights=lambda: rewritten(net),
        folder=folder,
        device=CPU,
        tile=tile,
        **options,  # pyright: ignore[reportArgumentType]
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("upsample", ["resize", "transpose"])
def test_tiles_of_any_size_make_the_whole_picture(
    upsample: Upsample, size: tuple[int, int], tmp_path: Path
) -> None:
    net, rgb = net_of(upsample), noise(*size)
    expected = TorchEngine(net, device=CPU).stylize(rgb).astype(int)
    assert expected.std() > 40
    for tile in (12, 16, 64):
        painted = streamed(net, tmp_path, tile).paint(rgb)
        assert np.abs(painted - expected).max() <= 1


@pytest.mark.parametrize("blocks", [0, 1])
def test_few_blocks_make_the_whole_picture_too(blocks: int, tmp_path: Path) -> None:
    net, rgb = net_of("resize", blocks=blocks), noise(40, 52)
    expected = TorchEngine(net, device=CPU).stylize(rgb).astype(int)
    assert np.abs(streamed(net, tmp_path).paint(rgb) - expected).max() <= 1


def test_every_tile_gets_its_part_of_the_grain(tmp_path: Path) -> None:
    net, rgb = net_of("resize"), noise(61, PERIOD + 61)
    rough = TransformNet(replace(net.config, grain=12.0))
    rough.load_state_dict(net.state_dict())
    expected = TorchEngine(net, device=CPU).stylize(laid(rgb, 12.0)).astype(int)
    assert np.abs(streamed(rough, tmp_path, 64).paint(rgb) - expected).max() <= 1


def test_a_nearly_flat_photo_keeps_what_it_shows(tmp_path: Path) -> None:
    """Most of its first layer is mean, which sums of float32 must not round away."""
    net, rgb = net_of("resize"), np.full((400, 600, 3), 200, np.uint8)
    rgb[np.random.default_rng(0).random(rgb.shape[:2]) < 0.01] += 1
    expected = TorchEngine(net, device=CPU).stylize(rgb)
    apart = np.abs(streamed(net, tmp_path, tile=512).paint(rgb).astype(int) - expected)
    assert expected.std() > 40
    assert apart.max() <= 2
    assert (apart <= 1).mean() > 0.999


def test_several_threads_paint_the_same(tmp_path: Path) -> None:
    net, rgb = net_of("resize"), noise(100, 90)
    before = torch.get_num_threads()
    alone = streamed(net, tmp_path).paint(rgb)
    assert np.array_equal(streamed(net, tmp_path, threads=4).paint(rgb), alone)
    assert torch.get_num_threads() == before


def test_half_precision_paints_nearly_the_same(tmp_path: Path) -> None:
    """The form for a GPU, on a CPU: at least 40 dB."""
    net, rgb = net_of("resize", width=8), noise(40, 52)
    exact = TorchEngine(net, device=CPU).stylize(rgb).astype(np.float64)
    half = streamed(net, tmp_path, dtype=torch.float16).paint(rgb)
    assert 10 * np.log10(255**2 / np.square(exact - half).mean()) >= 40


def test_a_check_ends_the_work_between_tiles(tmp_path: Path) -> None:
    net, rgb = net_of("resize"), noise(64, 64)
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        streamed(net, tmp_path, threads=2).paint(rgb, check)
    assert calls == 20
    assert not [t for t in threading.enumerate() if t.name.startswith("tile")]
    assert list(tmp_path.iterdir()) == []


def test_tiles_cover_a_picture_once() -> None:
    seen = np.zeros((37, 91), int)
    for tile in tiling(37, 91, 16):
        seen[tile.slices] += 1
    assert (seen == 1).all()


def test_moments_of_parts_are_those_of_the_whole() -> None:
    """Also of numbers far from zero, where sums in float32 would see no variance."""
    torch.manual_seed(0)
    x = torch.randn(1, 3, 40, 50) * 0.1 + torch.tensor([0.0, 30.0, -100.0])[:, None, None]
    parts = [moments(part) for rows in x.split(16, 2) for part in rows.split(7, 3)]
    found = whole(parts)
    expected = x.double()
    assert found.pixels == 2000
    assert torch.allclose(found.mean, expected.mean((0, 2, 3)), rtol=1e-6, atol=1e-7)
    variance = expected.var((0, 2, 3), correction=0)
    assert torch.allclose(found.variance, variance, rtol=1e-3)
    norm = freeze(found, torch.full((3,), 2.0), torch.full((3,), 0.5))
    normed = norm(x)
    assert torch.allclose(normed.mean((0, 2, 3)), torch.tensor(0.5), atol=1e-3)
    assert torch.allclose(normed.std((0, 2, 3)), torch.tensor(2.0), atol=1e-2)


def test_a_plane_keeps_what_left_memory(tmp_path: Path) -> None:
    plane = Plane(tmp_path, 20, 30, 4)
    window = Window(Span(3, 9), Span(10, 30))
    values = torch.randn(1, 4, 6, 20).half()
    plane.write(window, values)
    plane.unmap_pages()
    assert torch.equal(plane.read(window), values)
    assert (plane.read(Window(Span(0, 3), Span(0, 30))) == 0).all()
    assert list(tmp_path.iterdir()) == []


def test_pre_faulted_rows_cost_few_page_faults(tmp_path: Path) -> None:
    plane = Plane(tmp_path, 64, 512, 64)
    values = torch.ones(1, 64, 64, 512)

    def page_faults(rows: Span) -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        plane.write(Window(rows, Span(0, 512)), values[:, :, : rows.length])
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    plane.prefault(Span(0, 32))
    prefaulted = page_faults(Span(0, 32))
    assert prefaulted < page_faults(Span(32, 64)) / 4
    assert (plane.read(Window(Span(0, 64), Span(0, 512))) == 1).all()


def test_a_plane_goes_once_nothing_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of half the photo's size and three of a quarter's are made, and never all are there."""
    there = WeakSet["Counted"]()
    most, made = [0], [0]

    class Counted(Plane):
        def __init__(self, folder: Path, height: int, width: int, channels: int) -> None:
            super().__init__(folder, height, width, channels)
            self.size = plane_bytes(height, width, channels)
            there.add(self)
            made[0] += self.size
            most[0] = max(most[0], sum(plane.size for plane in there))

    monkeypatch.setattr(painter, "Plane", Counted)
    streamed(net_of("resize"), tmp_path).paint(noise(64, 64))
    half, quarter = plane_bytes(32, 32, 8), plane_bytes(16, 16, 16)
    assert made == [2 * half + 3 * quarter]
    assert most == [half + 2 * quarter]
    assert not there


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_without_room_says_so_at_once(tmp_path: Path) -> None:
    """Found out later, while a mapped page is written, it would end the process."""
    with files_of_at_most(100_000), pytest.raises(MemoryError, match="on the disk"):
        streamed(net_of("resize", width=8), tmp_path).paint(noise(256, 256))


def test_a_process_without_addresses_left_says_so_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(mmap, "mmap", refuse)
    with pytest.raises(MemoryError):
        Plane(tmp_path, 8, 8, 4)


def test_a_folder_that_is_gone_is_no_lack_of_room(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Plane(tmp_path / "gone", 8, 8, 4)
