"""`python -m trainer.cli.backbone`: make a backbone, and quick styles over one, on this machine."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from infra.bundled import BUNDLED_BACKBONE
from infra.catalogue.card import Losses
from infra.errors import ImpastoError
from infra.jobs.domain.schedule import Schedule
from trainer.cli.card_commands import command_line, reproduce_line
from trainer.cli.console import console, fail, progress_bars
from trainer.cli.options import (
    BackboneFile,
    LearningOptions,
    Licence,
    Painting,
    Title,
    named_words,
    takes_options,
)
from trainer.compute.arithmetic import set_up_cpu
from trainer.local.backbone import (
    NEUTRAL_ITERATIONS,
    PaintingTarget,
    Trained,
    backbone_of,
    measure_paintings,
    read_targets,
    train_backbone,
)
from trainer.local.train import Progress as TrainingProgress
from trainer.local.train import train
from trainer.loss.measure import Measured
from trainer.loss.network import UnknownLossNetwork
from trainer.loss.objective import Hyperparameters
from trainer.publish.folder import SHEET_PHOTOS
from trainer.publish.sheet import contact_sheet, save_sheet
from trainer.training.context import GRAIN, RunConfig, TrainingContext
from trainer.training.quick import FLOOR_RATE, PEAK_RATE, SPIKES, Backbone, QuickContext
from worker.net import MAX_GRAIN, NetConfig, TransformNet
from worker.net.affine import apply
from worker.net.netfile import NetCard, unpack

#: From the near identity to a strong style, over VGG19: the stages of every painting's style.
BACKBONE_SCHEDULE = "0.4:400,1:500,2.5:700,6:1500"
#: Weight of pixel distance at the lowest ratio of a joint training: colours that many paintings
#: share one net for drift further than those of one.
KEPT_COLOURS = 0.5
#: Ratio at which the norms of a backbone of one style learn to keep the photo.
NEUTRAL_RATIO = 0.1
#: Norms alone need few iterations, and stage 0 is the backbone's own norms as they are.
QUICK_SCHEDULE = "brief"

app = typer.Typer(
    help="Make a backbone, and quick styles over it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

Stages = Annotated[
    str, typer.Option(help="A schedule by name, or RATIO:ITERATIONS,… whose ratios rise.")
]
Grain = Annotated[
    float, typer.Option(min=0, max=MAX_GRAIN, help="Noise on photos, whatever the net had.")
]


@dataclass(frozen=True, kw_only=True)
class BackboneOptions(LearningOptions):
    """The options of `backbone`."""

    painting: Annotated[
        list[str], typer.Option(help="NAME=FILE of one painting; give it once for each.")
    ]
    base: Annotated[Path, typer.Option(help="Net to start from: a style's stage 0.")]
    schedule: Stages = BACKBONE_SCHEDULE
    peak_rate: Annotated[float, typer.Option(help="Highest learning rate of a stage.")] = 7e-4
    grain: Grain = GRAIN


@dataclass(frozen=True, kw_only=True)
class FromStyleOptions(LearningOptions):
    """The options of `from-style`."""

    style: Annotated[Path, typer.Option(help="Net of the style: its strongest stage.")]
    painting: Painting
    iterations: Annotated[
        int, typer.Option(min=1, help="In which norms learn to keep the photo.")
    ] = NEUTRAL_ITERATIONS
    grain: Grain = GRAIN


@dataclass(frozen=True, kw_only=True)
class QuickOptions(LearningOptions):
    """The options of `quick`."""

    painting: Painting
    name: Annotated[str, typer.Option(help="Name of the style, such as starry-night.")]
    title: Title = ""
    licence: Licence = "unknown"
    backbone: BackboneFile = BUNDLED_BACKBONE
    schedule: Stages = QUICK_SCHEDULE


@app.command("backbone")
@takes_options
def backbone_command(options: BackboneOptions) -> None:
    """Train one net on several paintings: `backbone.safetensors`, and the norms of each.

    Started again after it was stopped, it goes on from its checkpoint in the same folder.
    Example: python -m trainer.cli.backbone backbone --painting monet=monet.jpg
    --painting wave=wave.jpg --photos train2017 --base styles/monet/stage-0.safetensors --out bb
    """
    set_up_cpu(options.threads)
    paintings = {name: Path(file) for name, file in named_words(options.painting).items()}
    net, _ = _unpack_under(options.base, options.grain)
    config = _config(
        options,
        name="backbone",
        painting=next(iter(paintings.values())),
        schedule=options.schedule,
        net=net.config,
        hyperparameters=options.hyperparameters(
            peak_rate=options.peak_rate,
            floor_rate=options.peak_rate / 10,
            later_rate=options.peak_rate,  # stages share their convolutions, and stay near
            identity=KEPT_COLOURS,
        ),
    )
    context = TrainingContext(config, options.read_loss_network())
    targets = read_targets(context, paintings)
    with progress_bars() as bars:
        trained = train_backbone(
            context,
            targets,
            net,
            checkpoint=options.out / "checkpoint.safetensors",
            on_progress=Drawn(bars, config.schedule),
        )
    measured = measure_paintings(context, targets, trained)
    _write(context, trained, options.out, config.schedule.stages[-1].ratio, measured)


@app.command("from-style")
@takes_options
def from_style_command(options: FromStyleOptions) -> None:
    """Make a backbone of a style's strongest net, whose convolutions stay as they are.

    Example: python -m trainer.cli.backbone from-style --style styles/monet/stage-4.safetensors
    --painting monet.jpg --photos train2017 --out bb
    """
    set_up_cpu(options.threads)
    strong, card = _unpack_under(options.style, options.grain)
    config = _config(
        options,
        name="backbone",
        painting=options.painting,
        schedule=f"{NEUTRAL_RATIO}:{options.iterations}",
        net=strong.config,
        hyperparameters=options.hyperparameters(),
    )
    context = TrainingContext(config, options.read_loss_network())
    trained = backbone_of(context, strong, card.style, iterations=options.iterations)
    target = PaintingTarget(context.painting, context.target)
    measured = measure_paintings(context, {card.style: target}, trained)
    _write(context, trained, options.out, card.ratio, measured)


@app.command("quick")
@takes_options
def quick_command(options: QuickOptions) -> None:
    """Train a style of some kilobytes over a backbone: its stages, card and contact sheet."""
    set_up_cpu(options.threads)
    over, out = Backbone.read(options.backbone.read_bytes()), options.out
    config = _config(
        options,
        name=options.name,
        painting=options.painting,
        schedule=options.schedule,
        net=over.net.config,
        hyperparameters=options.hyperparameters(
            peak_rate=PEAK_RATE, floor_rate=FLOOR_RATE, later_rate=PEAK_RATE, spikes=SPIKES
        ),
        title=options.title,
        licence=options.licence,
        reproduce=reproduce_line(
            out, options.painting, options.photos, options.loss_weights, over=options.backbone
        ),
    )
    context = QuickContext(config, options.read_loss_network(), over)
    with progress_bars() as bars:
        card = train(context, out, Drawn(bars, config.schedule), base=context.stage_zero())
    for stage in card.stages:
        report(f"stage {stage.stage}, ratio {stage.ratio:g}, {stage.seconds:.0f} s", stage.held_out)
    console.print(f"Wrote {out}. Look at {out / 'contact-sheet.jpg'} first.")


def _unpack_under(path: Path, grain: float) -> tuple[TransformNet, NetCard]:
    """Read a net's file as that of a net whose photos have a grain; raises NetFileRejected."""
    found, card = unpack(path.read_bytes())
    net = TransformNet(replace(card.config, grain=grain))
    net.load_state_dict(found.state_dict())
    return net, card


def _config(
    options: LearningOptions,
    *,
    name: str,
    painting: Path,
    schedule: str,
    net: NetConfig,
    hyperparameters: Hyperparameters,
    title: str = "",
    licence: str = "unknown",
    reproduce: str = "",
) -> RunConfig:
    """Return a config for this machine; what has no title has its name for it."""
    return RunConfig(
        name=name,
        title=title or name,
        licence=licence,
        painting=painting,
        photos=options.photos,
        schedule=Schedule.parse(schedule, options.loss_network),
        net=net,
        hyperparameters=hyperparameters,
        painting_side=options.painting_side,
        painting_blur=options.painting_blur,
        code_version=version("impasto"),
        command=command_line("trainer.cli.backbone"),
        reproduce=reproduce,
    )


def _write(
    context: TrainingContext,
    trained: Trained,
    out: Path,
    ratio: float,
    measured: Mapping[str, Measured],
) -> None:
    """Write a backbone's folder, and say what its paintings' norms measure."""
    trained.write(out, ratio)
    draw_backbone(context, trained, out / "contact-sheet.jpg")
    for name, seen in measured.items():
        report(name, seen)
    console.print(f"Wrote {out}. Look at {out / 'contact-sheet.jpg'} first.")


def draw_backbone(context: TrainingContext, trained: Trained, path: Path) -> None:
    """Draw photos as the backbone leaves them and in each of its paintings."""
    over = Backbone.read(trained.file)
    nets = [over.net, *(apply(over.net, affine) for affine in trained.affines.values())]
    captions = ["neutral", *trained.affines]
    sheet = contact_sheet(context.held_out[:SHEET_PHOTOS], nets, captions, context.painting)
    save_sheet(sheet, path)


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
