"""Sizes that come again are recorded, within bounds; exactly these sizes, never near ones."""

import torch
from torch import Tensor

from worker.engines.pytorch import cuda_graphs
from worker.engines.pytorch.cuda_graphs import Painter, RecordedSizes, Recordings


class Recorder:
    """Records by remembering the size, as a CUDA graph does: another one would be painted wrong."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, ...]] = []
        self.replays = 0

    def __call__(self, paint: Painter, photo: Tensor) -> Painter:
        self.sizes.append(tuple(photo.shape[-2:]))

        def replay(following: Tensor) -> Tensor:
            assert following.shape == photo.shape
            self.replays += 1
            return paint(following)

        return replay


def negative(photo: Tensor) -> Tensor:
    return 1 - photo


def of(height: int, width: int) -> Tensor:
    return torch.full((1, 3, 1, 1), 0.25).expand(1, 3, height, width)


def test_a_size_is_recorded_when_it_comes_again() -> None:
    recorder = Recorder()
    paint = RecordedSizes(negative, recorder, Recordings())
    for _ in range(3):
        assert paint(of(4, 5)).unique() == 0.75
        assert paint(of(5, 4)).shape == (1, 3, 5, 4)
    assert recorder.sizes == [(4, 5), (5, 4)]
    assert recorder.replays == 4


def test_an_album_of_all_sizes_records_nothing() -> None:
    recorder = Recorder()
    paint = RecordedSizes(negative, recorder, Recordings())
    for height in range(1, 3 * cuda_graphs.REMEMBERED_SIZES):
        paint(of(height, 1))
    assert recorder.sizes == []
    paint(of(1, 1))  # long forgotten
    assert recorder.sizes == []


def test_a_recording_that_was_of_no_use_for_long_makes_way() -> None:
    recorder = Recorder()
    paint = RecordedSizes(negative, recorder, Recordings(limit=2))
    for height in (1, 2):
        paint(of(height, 1))
        paint(of(height, 1))
    for _ in range(cuda_graphs.IDLE_PAINTINGS + 2):
        paint(of(1, 1))
    paint(of(3, 1))
    paint(of(3, 1))  # takes the place of height 2
    before = len(recorder.sizes)
    paint(of(1, 1))
    assert len(recorder.sizes) == before
    for _ in range(cuda_graphs.IDLE_PAINTINGS):
        paint(of(1, 1))
    paint(of(2, 1))
    assert recorder.sizes == [(1, 1), (2, 1), (3, 1), (2, 1)]


def test_sizes_that_take_turns_do_not_record_each_other_away() -> None:
    recorder = Recorder()
    paint = RecordedSizes(negative, recorder, Recordings(limit=4))
    for _ in range(50):
        for height in range(1, 7):
            paint(of(height, 1))
    assert recorder.sizes == [(height, 1) for height in range(1, 5)]
    assert recorder.replays == 49 * 4


def test_nets_share_the_number_of_recordings() -> None:
    """Each holds the device's memory, which no cache of nets counts."""
    recorder, shared = Recorder(), Recordings(limit=3)
    nets = [RecordedSizes(negative, recorder, shared) for _ in range(5)]
    for number in range(10):
        nets[number // 2](of(1, 1))
    assert len(recorder.sizes) == 3
    del nets[0]
    nets[-1](of(1, 1))
    assert len(recorder.sizes) == 4, "a net that is gone leaves its place"


def test_recordings_are_forgotten_where_memory_is_short() -> None:
    recorder, shared = Recorder(), Recordings()
    paint = RecordedSizes(negative, recorder, shared)
    for _ in range(3):
        paint(of(1, 1))
    shared.clear()
    assert paint(of(1, 1)).unique() == 0.75
    assert len(recorder.sizes) == 2
    assert recorder.replays == 3


def test_photos_of_one_size_are_recorded_for_how_many_they_are() -> None:
    recorder = Recorder()
    paint = RecordedSizes(negative, recorder, Recordings())
    for _ in range(2):
        assert paint(of(4, 5)).shape == (1, 3, 4, 5)
        assert paint(of(4, 5).expand(2, 3, 4, 5)).shape == (2, 3, 4, 5)
    assert len(recorder.sizes) == 2


def test_large_photos_are_not_recorded() -> None:
    recorder = Recorder()
    paint = RecordedSizes(negative, recorder, Recordings())
    for _ in range(3):
        paint(of(cuda_graphs.RECORDED_PIXELS + 1, 1))
    assert recorder.sizes == []
