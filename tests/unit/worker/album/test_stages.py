"""How much of an album is at work at a time."""

from worker.album.stages import gpu_pace


def test_a_gpus_codecs_take_half_the_cores_each_way_and_more_photos_are_on_their_way() -> None:
    many, few = gpu_pace(16), gpu_pace(1)
    assert many.ahead == many.behind == 8
    assert few.ahead == few.behind == 2
    for pace in (many, few):
        assert pace.window > pace.ahead + pace.behind + pace.batch
