"""Photos decoded in processes of their own."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from infra.errors import ServiceUnavailable
from infra.settings import Settings
from tests.fakes.album import AlbumHarness
from tests.fakes.mortal_decoder import HOARD, KILL, KILL_ONCE, SPIN
from tests.hostile import REASONS
from tests.hostile import hostile_photos as hostile_suite
from tests.integration.live_stack import command, lives
from tests.memory_use import most_bytes
from tests.photos import encoded, faded, good_photos, hostile_photos, huge_png, scene
from tests.unit.worker.pixels.conftest import reason
from worker.pixels import PixelLimits, decode
from worker.pixels.decoder import PhotoDecoder

LIMITS = PixelLimits(max_megapixels=5)
FILE_BYTES = 1_000_000
#: Seconds after which a test that waits for another process gives up.
PATIENCE = 60
#: Seconds in which nothing may happen.
MOMENT = 0.3


def processes() -> set[int]:
    """The decoder processes of this one."""
    children = psutil.Process().children()
    return {child.pid for child in children if "decoder" in " ".join(command(child))}


def test_photo_comes_over_as_it_was_decoded(decoder: PhotoDecoder) -> None:
    for data in good_photos().values():
        here, there = decode(data, LIMITS), decoder.decode(data)
        assert np.array_equal(here.rgb, there.rgb)
        assert there.rgb.flags.writeable
        assert there.format == here.format
        if here.alpha is None:
            assert there.alpha is None
        else:
            assert np.array_equal(here.alpha, np.asarray(there.alpha))


def test_hostile_file_is_turned_away_and_the_process_lives_on(decoder: PhotoDecoder) -> None:
    decoder.decode(encoded(scene(), "PNG"))
    before = processes()
    for file in hostile_photos().values():
        assert reason(decoder, file.data) == file.reason
    assert processes() == before


def test_limits_go_over_too(decoder: PhotoDecoder) -> None:
    assert reason(decoder, huge_png(2_300)) == "photo-too-large"


def test_threads_decode_at_the_same_time_and_get_their_own_photos(decoder: PhotoDecoder) -> None:
    wrong: list[int] = []

    def work(width: int) -> None:
        for _ in range(20):
            if decoder.decode(encoded(faded(width, 9), "PNG")).width != width:
                wrong.append(width)

    threads = [threading.Thread(target=work, args=(width,)) for width in (10, 11, 12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_photo_that_kills_three_processes_is_given_up(mortal: PhotoDecoder) -> None:
    assert reason(mortal, KILL) == "photo-crashes-decoder"
    assert mortal.decode(encoded(scene(), "PNG")).width == 64


def test_photo_whose_process_was_killed_by_chance_is_decoded_by_the_next(
    mortal: PhotoDecoder, tmp_path: Path
) -> None:
    assert reason(mortal, KILL_ONCE + str(tmp_path / "left").encode()) == "second-life"


def test_process_killed_while_idle_costs_nothing(mortal: PhotoDecoder) -> None:
    mortal.decode(encoded(scene(), "PNG"))
    before = processes()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert mortal.decode(encoded(scene(), "PNG")).width == 64
    assert not processes() & before


def test_photo_that_never_ends_is_ended(mortal: PhotoDecoder) -> None:
    began = time.monotonic()
    assert reason(mortal, SPIN) == "photo-took-too-long"
    assert time.monotonic() - began < PATIENCE


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux alone")
def test_process_may_not_have_all_memory(mortal: PhotoDecoder) -> None:
    assert reason(mortal, HOARD) == "no-memory"


def test_process_that_falls_silent_is_ended() -> None:
    with PhotoDecoder(LIMITS, max_file_bytes=FILE_BYTES, silence_seconds=0.5) as decoder:
        before = processes()
        decoder.decode(encoded(scene(), "PNG"))
        (pid,) = processes() - before
        os.kill(pid, signal.SIGSTOP)
        assert decoder.decode(encoded(scene(), "PNG")).width == 64
        assert pid not in processes()


def test_decoder_that_does_not_start_is_nobodys_photos_fault() -> None:
    with (
        PhotoDecoder(LIMITS, max_file_bytes=FILE_BYTES, program="tests.nothing") as decoder,
        pytest.raises(ServiceUnavailable, match="did not start"),
    ):
        decoder.decode(encoded(scene(), "PNG"))


def test_decoder_ends_with_a_worker_that_is_killed() -> None:
    script = (
        "import psutil\n"
        "from worker.pixels import PixelLimits\n"
        "from worker.pixels.decoder import PhotoDecoder\n"
        "PhotoDecoder(PixelLimits(1), max_file_bytes=1).warm_up()\n"
        "print(psutil.Process().children()[0].pid, flush=True)\n"
        "input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        (pid,) = map(int, worker.stdout.readline().split())
        worker.kill()
    deadline = time.monotonic() + PATIENCE
    while psutil.pid_exists(pid) and lives(psutil.Process(pid)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_decoder_process_knows_nothing_of_nets() -> None:
    script = "import sys, worker.pixels.decoder_process; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_album_goes_on_without_the_photo_that_kills_its_process(mortal: PhotoDecoder) -> None:
    harness = AlbumHarness()
    harness.pipeline = replace(harness.pipeline, decode=mortal.admit)
    job = harness.submit(
        {"a.png": encoded(scene(), "PNG"), "killer.jpg": KILL, "b.png": encoded(scene(9, 9), "PNG")}
    )
    harness.work(job)
    reasons = {
        name: outcome.error.type if outcome and outcome.error else None
        for name, outcome in harness.outcomes(job).items()
    }
    assert reasons == {"a.png": None, "killer.jpg": "photo-crashes-decoder", "b.png": None}


def test_each_of_the_hostile_suite_is_turned_away_soon_and_in_little_memory() -> None:
    """Two seconds of a process's own clock at most, and a gigabyte, within the usual limits."""
    wrong: dict[str, str] = {}
    with PhotoDecoder.of(Settings()) as decoder:
        process = started(decoder)
        for name, data in hostile_files().items():
            before = cpu_seconds(process)
            found = reason(decoder, data)
            if not lives(process):  # the kernel ended it; see `bounds`
                process = started(decoder)
            elif cpu_seconds(process) - before > 2 or most_bytes(process.pid) > 1e9:
                found += ", too late or too large"
            if found not in REASONS:
                wrong[name] = found
    assert wrong == {}


def hostile_files() -> dict[str, bytes]:
    """The suite without its archives, which never come here; see `test_archived`."""
    return {n: data for n, data in hostile_suite().items() if not n.endswith(".zip")}


def started(decoder: PhotoDecoder) -> psutil.Process:
    """The one idle process of a decoder, once it has worked."""
    before = processes()
    decoder.decode(encoded(scene(), "PNG"))
    (pid,) = processes() - before
    return psutil.Process(pid)


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
