"""`python -m trainer.cli.backbone`: make a backbone, and quick styles over one, on this machine."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from infra.errors import ImpastoError
from infra.jobs.domain.schedule import Schedule
from trainer.card import Losses
from trainer.cli.console import console, fail
from trainer.cli.options import (
    Batch,
    Crop,
    Network,
    Painting,
    Photos,
    Seed,
    Side,
    Smoothness,
    Threads,
    Weights,
    read_loss_network,
)
from trainer.compute.arithmetic import set_up_cpu
from trainer.local.backbone import PaintingTarget, Trained, read_targets, train_backbone
from trainer.local.train import Progress as TrainingProgress
from trainer.local.train import train
from trainer.loss.measure import Measured
from trainer.loss.network import UnknownLossNetwork
from trainer.loss.objective import Hyperparameters
from trainer.publish.folder import SHEET_PHOTOS
from trainer.publish.sheet import contact_sheet, save_sheet
from trainer.training.context import RunConfig, TrainingContext
from trainer.training.quick import FLOOR_RATE, PEAK_RATE, Backbone, QuickContext
from worker.net import NetConfig
from worker.net.affine import apply
from worker.net.netfile import unpack

#: From the base to a strong style; a backbone is seldom asked for weak ones.
BACKBONE_SCHEDULE = "0.1:200,0.4:300,1.5:400,5:500,10:600"
#: Norms alone need few iterations, and stage 0 is the backbone's own norms as they are.
QUICK_SCHEDULE = "0.02:1,0.4:50,2:75,10:125"

app = typer.Typer(
    help="Make a backbone, and quick styles over it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

Out = Annotated[Path, typer.Option(help="Folder to write into.")]
Stages = Annotated[str, typer.Option(help="Stages as RATIO:ITERATIONS,…; the ratios rise.")]


@app.command("backbone")
def backbone_command(
    painting: Annotated[
        list[str], typer.Option(help="NAME=FILE of one painting; give it once for each.")
    ],
    photos: Photos,
    base: Annotated[Path, typer.Option(help="Net to start from: a style's stage 0.")],
    out: Out,
    loss_network: Network = "vgg19",
    loss_weights: Weights = None,
    schedule: Stages = BACKBONE_SCHEDULE,
    painting_side: Side = 384,
    batch: Batch = 4,
    crop: Crop = 192,
    peak_rate: Annotated[float, typer.Option(help="Highest learning rate of a stage.")] = 1e-3,
    smoothness: Smoothness = 0.2,
    seed: Seed = 1,
    threads: Threads = 2,
) -> None:
    """Train one net on several paintings: `backbone.safetensors`, an affine each, and a sheet.

    Example: python -m trainer.cli.backbone backbone --painting monet=monet.jpg
    --painting wave=wave.jpg --photos train2017 --base styles/monet/stage-0.safetensors --out bb
    """
    set_up_cpu(threads)
    paintings = parse_paintings(painting)
    net, card = unpack(base.read_bytes())
    hyperparameters = Hyperparameters(
        batch=batch,
        crop=crop,
        peak_rate=peak_rate,
        floor_rate=peak_rate / 10,
        smoothness=smoothness,
        seed=seed,
    )
    first = next(iter(paintings.values()))
    config = config_of(
        "backbone", first, photos, schedule, card.config, hyperparameters, painting_side
    )
    context = TrainingContext(config, read_loss_network(loss_network, loss_weights))
    targets = read_targets(context, paintings)
    with progress_bar() as bar:
        trained = train_backbone(context, targets, net, on_progress=Drawn(bar, config.schedule))
    trained.write(out, config.schedule.stages[-1].ratio)
    draw_backbone(context, targets, trained, out / "contact-sheet.jpg")
    for name, measured in trained.held_out.items():
        report(name, measured)
    console.print(f"Wrote {out}. Look at {out / 'contact-sheet.jpg'} first.")


@app.command("quick")
def quick_command(
    painting: Painting,
    photos: Photos,
    backbone: Annotated[Path, typer.Option(help="The backbone's net file.")],
    name: Annotated[str, typer.Option(help="Name of the style, such as starry-night.")],
    out: Out,
    loss_network: Network = "vgg19",
    loss_weights: Weights = None,
    schedule: Stages = QUICK_SCHEDULE,
    painting_side: Side = 384,
    batch: Batch = 4,
    crop: Crop = 192,
    smoothness: Smoothness = 0.2,
    seed: Seed = 1,
    threads: Threads = 2,
) -> None:
    """Train a style of some kilobytes over a backbone: its stages, card and contact sheet."""
    set_up_cpu(threads)
    over = Backbone.read(backbone.read_bytes())
    hyperparameters = Hyperparameters(
        batch=batch,
        crop=crop,
        peak_rate=PEAK_RATE,
        floor_rate=FLOOR_RATE,
        smoothness=smoothness,
        seed=seed,
        later_rate=PEAK_RATE,
    )
    config = config_of(
        name, painting, photos, schedule, over.net.config, hyperparameters, painting_side
    )
    network = read_loss_network(loss_network, loss_weights)
    context = QuickContext(config, network, over)
    with progress_bar() as bar:
        card = train(context, out, Drawn(bar, config.schedule), base=context.stage_zero())
    for stage in card.stages:
        report(f"stage {stage.stage}, ratio {stage.ratio:g}, {stage.seconds:.0f} s", stage.held_out)
    console.print(f"Wrote {out}. Look at {out / 'contact-sheet.jpg'} first.")


def parse_paintings(words: list[str]) -> dict[str, Path]:
    """Read NAME=FILE words; raises typer.BadParameter for anything else, or a name given twice."""
    paintings: dict[str, Path] = {}
    for word in words:
        name, equals, path = word.partition("=")
        if not (name and equals and path) or name in paintings:
            raise typer.BadParameter(f"{word!r} is not NAME=FILE with a name of its own.")
        paintings[name] = Path(path)
    return paintings


def config_of(
    name: str,
    painting: Path,
    photos: Path,
    schedule: str,
    net: NetConfig,
    hyperparameters: Hyperparameters,
    painting_side: int,
) -> RunConfig:
    """Return a config for this machine; its terms and title are left to whoever publishes it."""
    return RunConfig(
        name=name,
        title=name,
        licence="unknown",
        painting=painting,
        photos=photos,
        schedule=Schedule.parse(schedule),
        net=net,
        hyperparameters=hyperparameters,
        painting_side=painting_side,
        code_version=version("impasto"),
        command="python -m trainer.cli.backbone",
        reproduce="",
    )


def draw_backbone(
    context: TrainingContext, targets: dict[str, PaintingTarget], trained: Trained, path: Path
) -> None:
    """Draw photos as the backbone leaves them and in each of its paintings."""
    over = Backbone.read(trained.file)
    nets = [over.net, *(apply(over.net, affine) for affine in trained.affines.values())]
    captions = ["neutral", *targets]
    sheet = contact_sheet(context.held_out[:SHEET_PHOTOS], nets, captions, context.painting)
    save_sheet(sheet, path)


def progress_bar() -> Progress:
    """Return the bars that a training draws, one a stage."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
        console=console,
    )


class Drawn:
    """Draws training progress on bars."""

    def __init__(self, bar: Progress, schedule: Schedule) -> None:
        self._bar = bar
        self._tasks = [
            bar.add_task(f"ratio {stage.ratio:g}", total=stage.iterations, losses="")
            for stage in schedule.stages
        ]

    def __call__(self, now: TrainingProgress) -> None:
        losses = f"content {now.loss.content:.3f}  style {now.loss.style:.3f}"
        self._bar.update(self._tasks[now.stage], completed=now.iteration, losses=losses)


def report(name: str, measured: Measured | Losses) -> None:
    """Print one line of distances on held-out photos."""
    console.print(
        f"{name}: content {measured.content:.3f}  style {measured.style:.3f}  "
        f"SSIM {measured.ssim:.3f}"
    )


def main() -> None:
    """Run the command line: a user's mistake is one line and exit code 2."""
    try:
        app()
    except (ImpastoError, UnknownLossNetwork, ValueError, OSError) as error:
        fail(str(error))


if __name__ == "__main__":
    main()
