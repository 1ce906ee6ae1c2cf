"""Compiled nets for OpenVINO, and what their activations may hold together.

A program is compiled for one net, its weights constants, and for photos of any size. While it
paints it keeps its activations, as large as the largest photo so far took; these are given back
when others need the room, and cost the next photo next to nothing.
"""

from collections.abc import Callable
from weakref import WeakSet

import numpy as np
import openvino as ov
import openvino.opset15 as op

from worker.engines.memory import available_bytes, check_memory
from worker.engines.openvino.graph import build_graph
from worker.engines.port import Pixels
from worker.engines.weights import Arrays
from worker.net import NetConfig

#: Bytes of activations for each pixel of a photo and each channel of the net's width. Measured at
#: 3 megapixels: 9.6.
BYTES_PER_PIXEL_AND_CHANNEL = 10
#: Bytes that a compiled net holds besides its activations and what it was made from: code, and its
#: weights laid out anew. Measured with the light net: 9 to 12 MB.
COMPILED_BYTES = 12 << 20

#: Kernels, one for each layer and size of a photo, that a program keeps. OpenVINO's default is
#: 5,000: a program grew by 0.6 MB with every new size, and gained no time that could be measured
#: (findings/openvino-kernels-per-size.sh).
KERNELS = 64


class Program:
    """One net, compiled."""

    def __init__(self, compiled: ov.CompiledModel, config: NetConfig) -> None:
        self.compiled = compiled
        self.config = config
        #: Bytes that its activations hold.
        self.held_bytes = 0
        #: When it painted last, counted over all programs.
        self.used = 0
        self._request = compiled.create_infer_request()

    def paint(self, rgb: Pixels) -> Pixels:
        """Paint a photo, (H, W, 3) uint8 with sides of at least 16, to the same shape."""
        return next(iter(self._request.infer([rgb[None]]).values()))[0]

    def release(self) -> None:
        """Give the activations back; they come again with the next photo."""
        self.compiled.release_memory()
        self.held_bytes = 0


class Programs:
    """Compiles nets, and keeps the activations of all within `limit_bytes`.

    A photo that alone takes more is painted, and its activations are given back at once. Raises
    ValueError for `bfloat16` on a processor without instructions for it.
    """

    def __init__(
        self,
        *,
        limit_bytes: int,
        threads: int = 0,
        bfloat16: bool = False,
        available: Callable[[], int | None] = available_bytes,
    ) -> None:
        if bfloat16 and not calculates_in_bfloat16():
            raise ValueError("the precision is set to bfloat16, which this processor has not")
        self._limit_bytes = limit_bytes
        self._available = available
        self._threads = threads
        self._precision = "bf16" if bfloat16 else "f32"
        self._core = ov.Core()
        self._programs = WeakSet[Program]()
        self._clock = 0

    @property
    def held_bytes(self) -> int:
        """Bytes that the activations of all programs hold."""
        return sum(program.held_bytes for program in self._programs)

    def compile(self, config: NetConfig, weights: Arrays) -> Program:
        """Compile a net of a shape with its `rewritten` weights, for photos of any size."""
        photo = op.parameter([1, -1, -1, 3], np.uint8, name="photo")
        constants = {name: op.constant(weight) for name, weight in weights.items()}
        graph = build_graph(config, photo, constants)
        model = ov.Model([graph], [photo], "transform net")  # pyright: ignore[reportGeneralTypeIssues]
        program = Program(self._core.compile_model(model, "CPU", self._properties()), config)
        self._programs.add(program)
        return program

    def paint(self, program: Program, rgb: Pixels) -> Pixels:
        """Paint a photo with a program of this cache, making room for it.

        Raises MemoryError if the host lacks memory for it even where no other program holds any.
        """
        needed = activation_bytes(program.config, *rgb.shape[:2])
        self._make_room(program, needed)
        self._clock += 1
        program.used = self._clock
        program.held_bytes = max(program.held_bytes, needed)
        painting = program.paint(rgb)
        if program.held_bytes > self._limit_bytes:
            program.release()
        return painting

    def clear(self) -> None:
        """Give all activations back."""
        for program in self._programs:
            program.release()

    def _make_room(self, program: Program, needed: int) -> None:
        others = sorted(
            (other for other in self._programs if other is not program and other.held_bytes),
            key=lambda other: other.used,
        )
        for other in others:
            if self._fits(program, needed):
                break
            other.release()
        if not self._fits(program, needed):
            program.release()
        check_memory(needed - program.held_bytes, self._available())

    def _fits(self, program: Program, needed: int) -> bool:
        more = max(0, needed - program.held_bytes)
        free = self._available()
        return self.held_bytes + more <= self._limit_bytes and (free is None or more <= free)

    def _properties(self) -> dict[str, str | int]:
        # By default OpenVINO calculates in bfloat16 where the processor can.
        chosen: dict[str, str | int] = {
            "INFERENCE_PRECISION_HINT": self._precision,
            "PERFORMANCE_HINT": "LATENCY",
            "CPU_RUNTIME_CACHE_CAPACITY": KERNELS,
        }
        if self._threads:
            chosen["INFERENCE_NUM_THREADS"] = self._threads
        return chosen


def calculates_in_bfloat16() -> bool:
    """Whether OpenVINO finds instructions for bfloat16 in the processor."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def activation_bytes(config: NetConfig, height: int, width: int) -> int:
    """Estimate the bytes of activations that a photo of a size takes."""
    return height * width * config.width * BYTES_PER_PIXEL_AND_CHANNEL
