"""The engine is the one that was set, or the faster one that works here."""

import pytest
import torch

from worker.engines.by_size import SizedEngine
from worker.engines.choice import (
    EngineFactory,
    EngineName,
    choose_device,
    choose_dtype,
    choose_engine,
)
from worker.engines.openvino.engine import OpenVinoEngine
from worker.engines.pytorch.engine import TorchEngine
from worker.net import NetConfig, TransformNet

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_a_device_that_is_not_there_is_named() -> None:
    assert choose_device("cpu") == CPU
    with pytest.raises(ValueError, match="auto, cpu or cuda"):
        choose_device("tpu")
    if not torch.cuda.is_available():
        assert choose_device("auto") == CPU
        with pytest.raises(ValueError, match="finds no CUDA"):
            choose_device("cuda")


def test_openvino_is_taken_on_a_cpu_where_it_is_installed() -> None:
    assert choose_engine("auto", CPU, openvino=True) == "openvino"
    assert choose_engine("auto", CPU, openvino=False) == "torch"
    assert choose_engine("auto", CUDA, openvino=True) == "torch"


def test_an_engine_that_is_set_is_taken() -> None:
    assert choose_engine("torch", CPU, openvino=True) == "torch"
    assert choose_engine("openvino", CPU, openvino=True) == "openvino"


def test_an_engine_that_cannot_work_is_refused() -> None:
    with pytest.raises(ValueError, match="works on the CPU"):
        choose_engine("openvino", CUDA, openvino=True)
    with pytest.raises(ValueError, match="not installed"):
        choose_engine("openvino", CPU, openvino=False)


@pytest.mark.parametrize(("name", "kind"), [("torch", TorchEngine), ("openvino", OpenVinoEngine)])
def test_the_factory_makes_what_was_chosen(name: EngineName, kind: type) -> None:
    engine = EngineFactory(choose_engine(name, CPU), CPU)(TransformNet(NetConfig(2, 1)))
    assert isinstance(engine, SizedEngine)
    assert isinstance(engine.whole, kind)


def test_half_precision_is_taken_on_a_gpu_and_on_a_cpu_only_when_asked_for() -> None:
    assert choose_dtype("auto", CPU) == torch.float32
    assert choose_dtype("auto", CUDA) == torch.float16
    for device in (CPU, CUDA):
        assert choose_dtype("bfloat16", device) == torch.bfloat16
        assert choose_dtype("float32", device) == torch.float32


def test_float32_is_float32_on_a_gpu_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself PyTorch has a GPU multiply in TF32."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    EngineFactory("torch", CUDA)
    assert torch.backends.cudnn.allow_tf32
    EngineFactory("torch", CUDA, precision="float32")
    assert not torch.backends.cudnn.allow_tf32


def test_tiles_are_exact_on_a_cpu_whatever_the_precision() -> None:
    engine = EngineFactory("torch", CPU, precision="bfloat16")(TransformNet(NetConfig(2, 1)))
    assert isinstance(engine, SizedEngine)
    assert engine.streamed.dtype == torch.float32
