"""The name of what arithmetic ran on."""

from pathlib import Path

import torch

from trainer.compute.machine import machine, processor

CPU = torch.device("cpu")


def test_a_processor_is_named_by_maker_family_and_model(tmp_path: Path) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text(
        "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 26\nmodel\t\t: 2\n"
        "model name\t: AMD EPYC\n\nprocessor\t: 1\nvendor_id\t: AuthenticAMD\ncpu family\t: 26\n"
        "model\t\t: 2\nmodel name\t: AMD EPYC\n"
    )
    assert processor(told) == "AuthenticAMD 26 2"


def test_without_linux_it_is_named_as_well_as_python_knows_it(tmp_path: Path) -> None:
    assert processor(tmp_path / "nothing")


def test_two_models_have_two_names() -> None:
    assert processor() in machine(CPU)
