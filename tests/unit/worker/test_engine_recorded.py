"""Sizes that come again are recorded, within bounds; exactly these sizes, never near ones."""

import torch
from torch import Tensor

from worker.engines import recorded
from worker.engines.recorded import Painter, RecordedSizes


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
    paint = RecordedSizes(negative, recorder)
    for _ in range(3):
        assert paint(of(4, 5)).unique() == 0.75
        assert paint(of(5, 4)).shape == (1, 3, 5, 4)
    assert recorder.sizes == [(4, 5), (5, 4)]
    assert recorder.replays == 4


def test_an_album_of_all_sizes_records_nothing() -> None:
    recorder = Recorder()
    paint = RecordedSizes(negative, recorder)
    for height in range(1, 3 * recorded.REMEMBERED_SIZES):
        paint(of(height, 1))
    assert recorder.sizes == []
    paint(of(1, 1))  # long forgotten
    assert recorder.sizes == []


def test_the_least_recently_used_recording_goes() -> None:
    recorder = Recorder()
    paint = RecordedSizes(negative, recorder)
    for height in range(1, recorded.RECORDED_SIZES + 1):
        paint(of(height, 1))
        paint(of(height, 1))
    paint(of(1, 1))
    for _ in range(2):
        paint(of(100, 1))  # takes the place of height 2
    before = len(recorder.sizes)
    paint(of(1, 1))
    assert len(recorder.sizes) == before
    paint(of(2, 1))
    paint(of(2, 1))
    assert recorder.sizes[before:] == [(2, 1)]


def test_photos_of_one_size_are_recorded_for_how_many_they_are() -> None:
    recorder = Recorder()
    paint = RecordedSizes(negative, recorder)
    for _ in range(2):
        assert paint(of(4, 5)).shape == (1, 3, 4, 5)
        assert paint(of(4, 5).expand(2, 3, 4, 5)).shape == (2, 3, 4, 5)
    assert len(recorder.sizes) == 2


def test_large_photos_are_not_recorded() -> None:
    recorder = Recorder()
    paint = RecordedSizes(negative, recorder)
    for _ in range(3):
        paint(of(recorded.RECORDED_PIXELS + 1, 1))
    assert recorder.sizes == []
