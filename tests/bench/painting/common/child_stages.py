"""Goes through what a worker's child does until its second painting; prints seconds as JSON.

    python -m tests.bench.painting.common.child_stages HEIGHT WIDTH THREADS

Run by `bench cold` in a process of its own; imports nothing of weight before it is timed.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Stages:
    """Seconds of each stage, in their order."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def time(self, stage: str, work: Callable[[], T]) -> T:
        """Do some work and note how long it took."""
        begun = time.perf_counter()
        done = work()
        self.seconds[stage] = time.perf_counter() - begun
        return done


def run(height: int, width: int, threads: int) -> dict[str, float]:
    """Go through all stages."""
    stages = Stages()
    stages.time("import of worker.app", lambda: importlib.import_module("worker.app"))
    stages.time("import of PyTorch", lambda: importlib.import_module("torch"))
    stages.time("import of OpenVINO", lambda: importlib.import_module("openvino"))
    stages.time("import of the pipeline", lambda: importlib.import_module("worker.child"))
    from tests.bench.common.nets import light_net, photo

    rgb = stages.time("making a photo, which no worker does", lambda: photo(height, width))
    from worker.engines.choice import EngineFactory, choose_device, choose_engine

    device = choose_device("cpu")
    chosen = choose_engine("auto", device)
    factory = stages.time(
        "start of the engine", lambda: EngineFactory(chosen, device, threads=threads)
    )
    engine = stages.time("loading a net", lambda: factory(light_net()))
    stages.time("first painting", lambda: engine.stylize(rgb))
    stages.time("second painting", lambda: engine.stylize(rgb))
    return stages.seconds


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(*(int(number) for number in sys.argv[1:]))))
