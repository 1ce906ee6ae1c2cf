"""The OpenVINO engine: faster than PyTorch on a CPU; float32 by default."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import openvino as ov
import openvino.opset15 as op

from worker.engines.memory import available_bytes, check_memory
from worker.engines.openvino.graph import build_graph
from worker.engines.port import Check, Pixels, go_on
from worker.engines.weights import Arrays, rewritten, shapes
from worker.net import SMALLEST_SIDE, NetConfig, TransformNet

#: Bytes that a compiled shape holds for each pixel and each channel of the net's width, and those
#: that it holds for code and graph. Measured from 0.02 to 3 megapixels.
BYTES_PER_PIXEL_AND_CHANNEL = 13
BYTES_BESIDES = 20 << 20


@dataclass(frozen=True, slots=True)
class Program:
    """A graph compiled for nets of one shape and photos of one size."""

    request: ov.InferRequest
    names: tuple[str, ...]
    bytes: int

    def paint(self, rgb: Pixels, weights: Arrays) -> Pixels:
        """Paint a photo of exactly this program's size."""
        painted = self.request.infer([rgb[None], *(weights[name] for name in self.names)])
        return next(iter(painted.values()))[0]


class ProgramCache:
    """Programs by net shape and size, evicted least recently used first above `limit_bytes`.

    A program that alone exceeds the limit is compiled, used and dropped. Raises ValueError for
    `bfloat16` on a processor without instructions for it.
    """

    def __init__(
        self,
        *,
        limit_bytes: int,
        threads: int = 0,
        bfloat16: bool = False,
        available: Callable[[], int | None] = available_bytes,
    ) -> None:
        self._limit_bytes = limit_bytes
        self._available = available
        self._threads = threads
        self._core = ov.Core()
        if bfloat16 and not calculates_in_bfloat16():
            raise ValueError("the precision is set to bfloat16, which this processor has not")
        self._precision = "bf16" if bfloat16 else "f32"
        self._programs: OrderedDict[tuple[NetConfig, int, int], Program] = OrderedDict()

    @property
    def held_bytes(self) -> int:
        """Bytes that the cached programs hold."""
        return sum(program.bytes for program in self._programs.values())

    def clear(self) -> None:
        """Drop every program."""
        self._programs.clear()

    def program(self, config: NetConfig, height: int, width: int) -> Program:
        """Return the program for a size, compiling it if necessary.

        Raises MemoryError if the host lacks memory for it even with no other program cached.
        """
        key = (config, height, width)
        found = self._programs.pop(key, None)
        if found is None:
            needed = program_bytes(config, height, width)
            self._evict_for(needed)
            found = self._compile(config, height, width, needed)
        if found.bytes <= self._limit_bytes:
            self._programs[key] = found
        return found

    def _evict_for(self, needed: int) -> None:
        while self._programs and not self._fits(needed):
            self._programs.popitem(last=False)
        check_memory(needed, self._available())

    def _fits(self, needed: int) -> bool:
        free = self._available()
        kept = self.held_bytes + needed <= self._limit_bytes
        return kept and (free is None or needed <= free)

    def _compile(self, config: NetConfig, height: int, width: int, needed: int) -> Program:
        photo = op.parameter([1, height, width, 3], np.uint8, name="photo")
        weights = {
            name: op.parameter(shape, np.float32, name=name)
            for name, shape in shapes(config).items()
        }
        graph = build_graph(config, photo, weights)
        model = ov.Model([graph], [photo, *weights.values()], "transform net")  # pyright: ignore[reportGeneralTypeIssues]
        compiled = self._core.compile_model(model, "CPU", self._properties())
        return Program(compiled.create_infer_request(), tuple(weights), needed)

    def _properties(self) -> dict[str, str | int]:
        # By default OpenVINO calculates in bfloat16 where the processor can.
        chosen: dict[str, str | int] = {
            "INFERENCE_PRECISION_HINT": self._precision,
            "PERFORMANCE_HINT": "LATENCY",
        }
        if self._threads:
            chosen["INFERENCE_NUM_THREADS"] = self._threads
        return chosen


class OpenVinoEngine:
    """A net on OpenVINO: only its weights; the programs that take them are shared by all nets."""

    def __init__(self, net: TransformNet, *, programs: ProgramCache) -> None:
        self._config = net.config
        self.weights = rewritten(net)
        self._programs = programs

    @property
    def held_bytes(self) -> int:
        """See Engine."""
        return sum(weight.nbytes for weight in self.weights.values())

    def needed_bytes(self, height: int, width: int) -> int:
        """See WholeEngine: the bytes of the program for a photo's size, tiny sides extended."""
        return program_bytes(self._config, max(height, SMALLEST_SIDE), max(width, SMALLEST_SIDE))

    def stylize_batch(self, photos: Sequence[Pixels], check: Check = go_on) -> list[Pixels]:
        """See Engine."""
        return [self.stylize(rgb, check) for rgb in photos]

    def stylize(self, rgb: Pixels, check: Check = go_on) -> Pixels:
        """See Engine."""
        check()
        height, width, _ = rgb.shape
        larger = _extend(rgb)
        program = self._programs.program(self._config, *larger.shape[:2])
        return np.ascontiguousarray(program.paint(larger, self.weights)[:height, :width])


def calculates_in_bfloat16() -> bool:
    """Whether OpenVINO finds instructions for bfloat16 in the processor."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def program_bytes(config: NetConfig, height: int, width: int) -> int:
    """Estimate the bytes that a program holds: its activations, and the program itself."""
    return height * width * config.width * BYTES_PER_PIXEL_AND_CHANNEL + BYTES_BESIDES


def _extend(rgb: Pixels) -> Pixels:
    """Repeat the right and bottom edge of a tiny photo, as the net itself does."""
    height, width, _ = rgb.shape
    bottom, right = max(0, SMALLEST_SIDE - height), max(0, SMALLEST_SIDE - width)
    return np.pad(rgb, ((0, bottom), (0, right), (0, 0)), "edge") if bottom or right else rgb
