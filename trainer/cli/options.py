"""Options that the trainer's command lines share, and where these find a loss network."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from infra.corpus import FOLDER
from infra.jobs.domain.training_options import MAX_SEED
from infra.settings import load_settings
from infra.stack.attach import attach
from infra.storage.s3 import connect_s3
from trainer.data.painting import SMALLEST_PAINTING
from trainer.loss.network import ORIGINAL_VGG19, TAPS, LossNetwork, load_loss_network
from trainer.loss.objective import Hyperparameters
from trainer.loss.weights import WeightsSource, in_bucket, weights_source
from trainer.training.context import CORPUS_SIDE

Options = TypeVar("Options")

#: Smallest side of a crop: what is left of it for the loss network, which is shown it a few pixels
#: off each time, is the least that the network takes.
SMALLEST_CROP = 40

Painting = Annotated[Path, typer.Option(help="Picture of the painting to learn from.")]
Photos = Annotated[
    Path,
    typer.Option(
        help="Folder of photos to learn on; COCO's works as it is. Default: those that come along.",
        show_default=False,
    ),
]
Out = Annotated[Path, typer.Option(help="Folder to write into.")]
Network = Annotated[str, typer.Option(help=f"One of {', '.join(TAPS)}.")]
Weights = Annotated[
    Path | None,
    typer.Option(
        envvar="IMPASTO_LOSS_WEIGHTS",
        help="Folder of weights of loss networks but the first, or s3:PREFIX; else torchvision's.",
    ),
]
Side = Annotated[
    int,
    typer.Option(min=SMALLEST_PAINTING, help="Short side (px) at which the painting is seen."),
]
Blur = Annotated[
    float,
    typer.Option(
        min=0.0, max=8.0, help="Gaussian (px) that takes canvas and sharpening off the painting."
    ),
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
Title = Annotated[str, typer.Option(help="The painting's title, for the card.")]
Licence = Annotated[str, typer.Option(help="Terms of the style.")]
BackboneFile = Annotated[Path, typer.Option(help="Net file of a quick style's backbone.")]
Fast = Annotated[
    bool,
    typer.Option(
        envvar="IMPASTO_TRAINER_FAST",
        help="Compiled steps on a CPU, in bfloat16 where it has that: faster, other last bits.",
    ),
]


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


@dataclass(frozen=True, kw_only=True)
class LearningOptions:
    """Options of every training on this machine: photos, loss network and hyperparameters."""

    out: Out
    photos: Photos = FOLDER
    loss_network: Network = ORIGINAL_VGG19
    loss_weights: Weights = None
    painting_side: Side = 384
    painting_blur: Blur = 0.0
    batch: Batch = 4
    crop: Crop = 192
    smoothness: Smoothness = 0.2
    seed: Seed = 1
    threads: Threads = 2

    def hyperparameters(self, **rates: float) -> Hyperparameters:
        """Return the hyperparameters, with learning rates and weights by name."""
        return Hyperparameters(
            batch=self.batch, crop=self.crop, smoothness=self.smoothness, seed=self.seed, **rates
        )

    def read_loss_network(self) -> LossNetwork:
        """Return the loss network; see `read_loss_network`."""
        return read_loss_network(self.loss_network, self.loss_weights)


def takes_options(command: Callable[[Options], None]) -> Callable[..., None]:
    """Return a Typer command whose options are the fields of the dataclass that `command` takes."""
    (kind,) = (hint for name, hint in get_type_hints(command).items() if name != "return")
    hints = get_type_hints(kind, include_extras=True)

    @functools.wraps(command)
    def run(**given: Any) -> None:  # noqa: ANN401 - of each field's own type
        command(kind(**given))

    parameters = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(kind)
    ]
    run.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportAttributeAccessIssue]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def named_words(words: list[str]) -> dict[str, str]:
    """Read NAME=WORD words; raises typer.BadParameter for anything else, or a name given twice."""
    named: dict[str, str] = {}
    for word in words:
        name, equals, meant = word.partition("=")
        if not (name and equals and meant) or name in named:
            raise typer.BadParameter(f"{word!r} is not NAME=… with a name of its own.")
        named[name] = meant
    return named
