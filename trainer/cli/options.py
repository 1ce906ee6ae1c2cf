"""Options that the trainer's command lines share, and where these find a loss network."""

from pathlib import Path
from typing import Annotated

import typer

from infra.jobs.domain.training_options import MAX_SEED
from infra.settings import load_settings
from infra.stack.attach import attach
from infra.storage.s3 import connect_s3
from trainer.data.painting import SMALLEST_PAINTING
from trainer.loss.network import TAPS, LossNetwork, load_loss_network
from trainer.loss.weights import WeightsSource, in_bucket, weights_source
from trainer.training.context import CORPUS_SIDE

#: Smallest side of a crop: what is left of it for the loss network, which is shown it a few pixels
#: off each time, is the least that the network takes.
SMALLEST_CROP = 40

Painting = Annotated[Path, typer.Option(help="Picture of the painting to learn from.")]
Photos = Annotated[Path, typer.Option(help="Folder of photos to learn on; COCO's works as it is.")]
Network = Annotated[str, typer.Option(help=f"One of {', '.join(TAPS)}.")]
Weights = Annotated[
    Path | None,
    typer.Option(
        envvar="IMPASTO_LOSS_WEIGHTS",
        help="Folder of loss-network weights, or s3:PREFIX; without it torchvision downloads them.",
    ),
]
Side = Annotated[
    int,
    typer.Option(min=SMALLEST_PAINTING, help="Short side (px) at which the painting is seen."),
]
Batch = Annotated[int, typer.Option(min=1, help="Photos in one step.")]
Crop = Annotated[
    int, typer.Option(min=SMALLEST_CROP, max=CORPUS_SIDE, help="Side (px) of the square crops.")
]
Smoothness = Annotated[float, typer.Option(help="Weight of total variation.")]
Seed = Annotated[
    int, typer.Option(min=0, max=MAX_SEED, help="Decides first weights, crops and flips.")
]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads; part of what repeats.")]


def read_loss_network(name: str, weights: Path | None) -> LossNetwork:
    """Return a loss network whose weights are where `Weights` says, on the CPU.

    Raises UnknownLossNetwork, WeightsMissing, WeightsRejected, and ServiceUnavailable where they
    are in a bucket that cannot be reached.
    """
    settings = load_settings()
    download = settings.loss_weights_download
    if not in_bucket(weights):
        return load_loss_network(name, WeightsSource(folder=weights, download=download))
    objects, cache = connect_s3(attach(settings)), settings.data / "trainer" / "weights"
    return load_loss_network(name, weights_source(weights, objects, cache, download=download))
