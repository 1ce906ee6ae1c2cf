"""The trainer's command line: `train` a style on this machine, `reproduce` a published stage."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from infra.bundled import BUNDLED_BACKBONE
from infra.catalogue.card import StyleCard
from infra.errors import ImpastoError
from infra.jobs.domain.schedule import SCHEDULES, Schedule
from trainer.cli.card_commands import command_line, reproduce_line
from trainer.cli.console import console, fail, progress_bars
from trainer.cli.forecast import Forecast
from trainer.cli.options import (
    BackboneFile,
    Fast,
    LearningOptions,
    Licence,
    Painting,
    Title,
    takes_options,
)
from trainer.cli.reproduce import reproduce_command
from trainer.compute.arithmetic import Arithmetic, set_up_cpu
from trainer.data.corpus import read_picture
from trainer.local.train import Progress as TrainingProgress
from trainer.local.train import RunConfig, TrainingContext, to_tensor, train
from trainer.loss.network import UnknownLossNetwork
from trainer.publish.sheet import save_sheet, triptych
from trainer.schedule.learning_rate import Adaptive
from trainer.training.context import GRAIN
from trainer.training.quick import Backbone
from worker.engines.choice import choose_device
from worker.net import MAX_GRAIN, NetConfig
from worker.net.affine import is_affine
from worker.net.netfile import read_card, unpack

#: Short side (px) of the photo in a `picture`.
PICTURE_SIDE = 400
app = typer.Typer(
    help="Train transform nets on this machine, stage by stage.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("reproduce")(reproduce_command)


@dataclass(frozen=True, kw_only=True)
class TrainOptions(LearningOptions):
    """The options of `train`."""

    painting: Painting
    name: Annotated[str, typer.Option(help="Name of the style, such as water-lilies.")]
    title: Title = ""
    licence: Licence = "unknown"
    schedule: Annotated[
        str, typer.Option(help=f"{', '.join(SCHEDULES)}, or RATIO:ITERATIONS,…; the ratios rise.")
    ] = "balanced"
    width: Annotated[int, typer.Option(min=1, help="32 is the standard net, 16 the light one.")] = (
        32
    )
    residual_blocks: Annotated[int, typer.Option(min=0, help="Residual blocks of the net.")] = 5
    upsample: Annotated[str, typer.Option(help="resize or transpose.")] = "resize"
    grain: Annotated[
        float | None,
        typer.Option(min=0, max=MAX_GRAIN, help=f"Noise on photos; the base's, else {GRAIN:g}."),
    ] = None
    peak_rate: Annotated[float, typer.Option(help="The first stage's highest rate.")] = 1e-3
    later_rate: Annotated[float, typer.Option(help="All other stages' highest rate.")] = 5e-4
    floor_rate: Annotated[float, typer.Option(help="Lowest learning rate of a stage.")] = 3e-5
    identity: Annotated[
        float, typer.Option(help="Weight of pixel distance in the first stage; fades after it.")
    ] = 0.1
    base: Annotated[
        Path | None,
        typer.Option(help="File of a net that serves as stage 0 as it is; it is not trained."),
    ] = None
    device: Annotated[str, typer.Option(help="auto, cpu or cuda; only a CPU repeats.")] = "auto"
    fast: Fast = False
    adaptive: Annotated[bool, typer.Option(help="End a stage early once its loss has settled.")] = (
        False
    )

    def config(self) -> RunConfig:
        """Return all that decides the training."""
        return RunConfig(
            name=self.name,
            title=self.title or self.name,
            licence=self.licence,
            painting=self.painting,
            photos=self.photos,
            schedule=Schedule.parse(self.schedule, self.loss_network),
            net=NetConfig(self.width, self.residual_blocks, self.upsample, self._grain()),  # type: ignore[arg-type]
            hyperparameters=self.hyperparameters(
                peak_rate=self.peak_rate,
                floor_rate=self.floor_rate,
                later_rate=self.later_rate,
                identity=self.identity,
            ),
            painting_side=self.painting_side,
            painting_blur=self.painting_blur,
            code_version=version("impasto"),
            command=command_line(),
            reproduce=reproduce_line(
                self.out, self.painting, self.photos, self.loss_weights, fast=self.fast
            ),
            adaptive=Adaptive() if self.adaptive else None,
        )

    def _grain(self) -> float:
        """Return the grain that was named, or that of the net or stages that it goes on from."""
        if self.grain is not None:
            return self.grain
        if self.base:
            return read_card(self.base.read_bytes()).config.grain
        began = (self.out / "card.json").exists()
        return StyleCard.read(self.out).net.grain if began else GRAIN


@app.command("train")
@takes_options
def train_command(options: TrainOptions) -> None:
    """Train a style and write its stages, its card and a contact sheet.

    Run again with the same options, it goes on behind the last finished stage.

    Example: python -m trainer train --painting monet.jpg --photos train2017
    --name water-lilies --out styles/water-lilies
    """
    set_up_cpu(options.threads)
    config, out = options.config(), options.out
    on = choose_device(options.device)
    network = options.read_loss_network().to(on)
    context = TrainingContext(config, network, arithmetic=Arithmetic.of(on, fast=options.fast))
    base = options.base.read_bytes() if options.base else None
    with progress_bars() as bars:
        card = train(context, out, _Bar(bars, config.schedule), base=base)
    _report(card)
    console.print(f"Wrote {out}. Look at {out / 'contact-sheet.jpg'} first.")


class _Bar:
    """Draws training progress, one bar a stage."""

    def __init__(self, bar: Progress, schedule: Schedule) -> None:
        self._bar = bar
        self._stages = len(schedule.stages)
        self._tasks: dict[int, object] = {}
        self._forecast = Forecast(schedule, bar.console.print)

    def __call__(self, now: TrainingProgress) -> None:
        self._forecast(now)
        if now.stage not in self._tasks:
            self._tasks[now.stage] = self._bar.add_task(
                f"stage {now.stage + 1} of {self._stages}, ratio {now.ratio:g}",
                total=now.iterations,
                losses="",
            )
        self._bar.update(
            self._tasks[now.stage],  # type: ignore[arg-type]
            completed=now.iteration,
            losses=f"content {now.loss.content:.3f}  style {now.loss.style:.3f}",
        )


@app.command("picture")
def picture_command(
    style: Annotated[Path, typer.Argument(help="Folder of a style: card.json and stages.")],
    painting: Painting,
    photo: Annotated[Path, typer.Option(help="A photo to show the style on.")],
    out: Annotated[Path, typer.Option(help="JPEG to write.")],
    backbone: BackboneFile = BUNDLED_BACKBONE,
) -> None:
    """Draw the painting, a photo, and the photo in the strongest stage, side by side."""
    card = StyleCard.read(style)
    if not card.stages:
        raise typer.BadParameter(f"{card.name} has no stage to draw: its training ended before.")
    data = (style / card.stages[-1].file).read_bytes()
    quick = is_affine(data)
    net = Backbone.read(backbone.read_bytes()).applied(data) if quick else unpack(data)[0]
    pictures = [to_tensor(read_picture(path, PICTURE_SIDE)) for path in (painting, photo)]
    save_sheet(triptych(pictures[0], pictures[1], net), out)
    console.print(f"Wrote {out}.")


def _report(card: StyleCard) -> None:
    for stage in card.stages:
        seen = stage.held_out
        console.print(
            f"stage {stage.stage}  ratio {stage.ratio:<6g} content {seen.content:.3f}  "
            f"style {seen.style:.3f}  SSIM {seen.ssim:.3f}"
        )
    for refused in card.refused:
        console.print(f"stage {refused.stage} is not published: {refused.reason}")
    for step in card.interventions:
        console.print(
            f"stage {step.stage} went back after {step.iteration} iterations, on with "
            f"{step.rate_scale:g} of the learning rate: {step.reason}"
        )
    for note in card.notes:
        console.print(note)


def main() -> None:
    """Run the trainer's command line: a user's mistake is one line and exit code 2."""
    try:
        app()
    except (ImpastoError, UnknownLossNetwork, ValueError, OSError) as error:
        fail(str(error))
