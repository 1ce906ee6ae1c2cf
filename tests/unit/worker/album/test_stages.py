"""How much of an album is at work at a time."""

from worker.album.stages import gpu_limits


def test_a_gpus_codecs_take_half_the_cores_each_way_and_more_photos_are_on_their_way() -> None:
    many, few = gpu_limits(16), gpu_limits(1)
    assert many.prefetch == many.postprocess == 8
    assert few.prefetch == few.postprocess == 2
    for limits in (many, few):
        assert limits.window > limits.prefetch + limits.postprocess + limits.batch
