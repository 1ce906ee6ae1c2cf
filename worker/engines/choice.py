"""The choice of device and engine: the one that a setting names, or the best that works here."""

import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Self

import torch

from infra.settings import EngineSetting, PrecisionSetting, Settings
from worker.engines.by_size import SizedEngine
from worker.engines.memory import needed_bytes
from worker.engines.port import Engine
from worker.engines.pytorch.cuda_graphs import Recordings
from worker.engines.pytorch.engine import TorchEngine
from worker.engines.streaming.painter import TILE, StreamedNet
from worker.engines.weights import Arrays, rewritten
from worker.net import TransformNet

EngineName = Literal["torch", "openvino"]
#: Bytes of activations that OpenVINO's programs keep by default.
SHAPE_CACHE_BYTES = 384 << 20
#: Bytes that a photo may take by default while it is painted.
MEMORY_BYTES = 2 << 30


def choose_device(name: str) -> torch.device:
    """Return the device that a setting names; `auto` takes CUDA where there is one.

    Raises ValueError for an unknown name, or for CUDA where there is none.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"the device must be auto, cpu or cuda, not {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("the device is set to cuda, but PyTorch finds no CUDA device here")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def choose_engine(
    name: EngineSetting, device: torch.device, *, openvino: bool = find_spec("openvino") is not None
) -> EngineName:
    """Return the engine that a setting names; `auto` takes the faster one that works here.

    `openvino` is whether it is installed. Raises ValueError for an engine that cannot work here.
    """
    if name == "openvino" and device.type != "cpu":
        raise ValueError("the engine openvino works on the CPU; set the device to cpu as well")
    if name == "openvino" and not openvino:
        raise ValueError("the engine is set to openvino, which is not installed here")
    return "openvino" if name != "torch" and openvino and device.type == "cpu" else "torch"


def choose_dtype(name: PrecisionSetting, device: torch.device) -> torch.dtype:
    """Return the type that convolutions calculate in; on a CPU float32, unless set to bfloat16."""
    if name == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    return torch.bfloat16 if name == "bfloat16" else torch.float32


class EngineFactory:
    """Makes engines of one kind, which share room for activations (OpenVINO) or recordings (CUDA).

    A photo is painted tile by tile if it takes more than `memory_bytes` of the host, or on a GPU
    if it does not fit there. `scratch` is the folder for the planes of such a photo.
    Raises ValueError for a precision that OpenVINO would only emulate on this processor.
    """

    def __init__(
        self,
        engine: EngineName,
        device: torch.device,
        *,
        threads: int = 0,
        shape_cache_bytes: int = SHAPE_CACHE_BYTES,
        memory_bytes: int = MEMORY_BYTES,
        scratch: Path | None = None,
        precision: PrecisionSetting = "auto",
    ) -> None:
        self.device = device
        self._dtype = choose_dtype(precision, device)
        if self._dtype == torch.float32:  # else a GPU multiplies in TF32, of 10 bits
            torch.backends.cudnn.allow_tf32 = False
        self._threads = threads or torch.get_num_threads()
        self._memory_bytes = memory_bytes
        self._scratch = scratch or Path(tempfile.gettempdir())
        self._recordings = Recordings()
        self._programs = None
        if engine == "openvino":
            from worker.engines.openvino.programs import Programs  # its libraries take a moment

            self._programs = Programs(
                limit_bytes=shape_cache_bytes,
                threads=threads,
                bfloat16=self._dtype == torch.bfloat16,
            )

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the factory that the settings describe.

        Raises ValueError for a device, an engine or a precision that is not there.
        """
        device = choose_device(settings.device)
        return cls(
            choose_engine(settings.engine, device),
            device,
            threads=settings.threads,
            shape_cache_bytes=settings.shape_cache_bytes,
            memory_bytes=settings.memory_bytes,
            scratch=settings.scratch,
            precision=settings.precision,
        )

    @property
    def held_bytes(self) -> int:
        """Bytes that the engines share."""
        return self._programs.held_bytes if self._programs else 0

    def __call__(self, net: TransformNet) -> Engine:
        """Return an engine for a net; the net belongs to the engine from then on."""
        if self._programs:
            from worker.engines.openvino.engine import OpenVinoEngine

            engine = OpenVinoEngine(net, programs=self._programs)
            return SizedEngine(
                engine,
                self._streamed(net, lambda: engine.weights),
                limit_bytes=self._memory_bytes,
                evict=self._programs.clear,
            )
        if self.device.type == "cuda":
            kept = rewritten(net)  # before the engine changes the net's form
            streamed = self._streamed(net, lambda: kept)
            whole = TorchEngine.for_cuda(net, self.device, self._dtype, recordings=self._recordings)
            evict = self._recordings.clear
            return SizedEngine(whole, streamed, limit_bytes=None, evict=evict)
        streamed = self._streamed(net, lambda: rewritten(net))
        whole = TorchEngine(net, device=self.device, dtype=self._dtype)
        return SizedEngine(whole, streamed, limit_bytes=self._memory_bytes)

    def _streamed(self, net: TransformNet, weights: Callable[[], Arrays]) -> StreamedNet:
        # Half of the memory is for tiles; photo and painting take up to the other half.
        at_a_time = self._memory_bytes // 2 // needed_bytes(TILE, TILE, net.config.width)
        return StreamedNet(
            config=net.config,
            weights=weights,
            folder=self._scratch,
            threads=max(1, min(self._threads, at_a_time)) if self.device.type == "cpu" else 1,
            device=self.device,
            # On a CPU, tiles in PyTorch's bfloat16 would differ from the photo painted as a whole.
            dtype=torch.float32 if self.device.type == "cpu" else self._dtype,
        )
