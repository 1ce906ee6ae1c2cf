"""What every measurement is told on its command line."""

import argparse
import json
from dataclasses import asdict, is_dataclass
from pathlib import Path

import torch

from trainer.compute.arithmetic import set_up_cpu


def parser(name: str, description: str, *, trains: bool = False) -> argparse.ArgumentParser:
    """Return a parser of the options that all measurements share, and those that train nets."""
    made = argparse.ArgumentParser(
        prog=f"infra/dev.py bench {name}",
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    made.add_argument(
        "--scale",
        choices=("tiny", "small", "full"),
        default="small",
        help="tiny only shows that everything runs; small takes minutes, full hours",
    )
    made.add_argument(
        "--out",
        type=Path,
        default=Path(".impasto/bench") / name,
        help="folder for results; a measurement that was stopped goes on in its folder",
    )
    made.add_argument("--threads", type=int, default=torch.get_num_threads())
    if trains:
        made.add_argument("--loss-network", default="", help="one whose weights are there")
    return made


def prepare(options: argparse.Namespace) -> Path:
    """Set the arithmetic up and make the folder of results."""
    set_up_cpu(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    return options.out


def save(out: Path, name: str, results: object) -> None:
    """Write results as JSON into the folder."""
    (out / f"{name}.json").write_text(json.dumps(results, indent=2, default=_plain) + "\n")


def _plain(value: object) -> dict[str, object]:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value)} has no form in JSON")
