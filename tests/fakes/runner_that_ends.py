"""Ends by a signal while its second photo is painted, and prints the state of the chunk.

A process of its own, because the signal belongs to no test run. As Celery's children do, it ends by
an exception in its main thread, wherever that is.
"""

import json
import os
import signal
import sys
from contextlib import suppress
from types import FrameType

from tests.fakes.album import AlbumHarness
from tests.photos import encoded, scene
from worker.album.overlap_runner import ChunkOverlapRunner

#: Photos of the chunk, and seconds to wait for the runner to notice.
PHOTOS, PATIENCE = 8, 10


def main() -> None:
    """Run a chunk into the signal."""
    harness = AlbumHarness(chunk_photos=PHOTOS)
    job = harness.submit({f"{n}.png": encoded(scene(20 + n, 16), "PNG") for n in range(PHOTOS)})

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    def watch(number: int) -> None:
        if number == 1:
            os.kill(os.getpid(), signal.SIGTERM)
            assert harness.stop.wait(PATIENCE)

    harness.engine.watch = watch
    signal.signal(signal.SIGTERM, leave)
    with suppress(SystemExit):
        ChunkOverlapRunner(pipeline=harness.pipeline, stop=harness.stop).run(harness.claim(job, 0))
        raise AssertionError("The runner went on.")
    record = harness.record(job)
    chunk = record.active[0]
    message = {"leased": chunk.lease is not None, "strikes": chunk.strikes}
    message |= {"done": record.done, "painted": harness.engine.photos}
    sys.stdout.write(f"\n{json.dumps(message)}\n")


if __name__ == "__main__":
    main()
