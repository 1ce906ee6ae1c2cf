"""Progress bars, on stderr so that the output of a command can be piped."""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from impasto_client import Job, JobState, PreviewState, StylePreview, Training

#: Seconds below which a rate says nothing about the time left.
SHORTEST_SECONDS = 2.0


@contextmanager
def sending(total_bytes: int, *, quiet: bool) -> Generator[Callable[[int], None]]:
    """Show the progress of an upload; yields a function that takes the bytes just sent."""
    columns = (TextColumn("Sending "), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        task = progress.add_task("", total=total_bytes)
        yield lambda count: progress.advance(task, count)


@contextmanager
def previewing(
    total_bytes: int, *, quiet: bool
) -> Generator[tuple[Callable[[int], None], Callable[[StylePreview], None]]]:
    """Show how a preview comes; yields functions that take the bytes just sent, and the preview."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"))
    console = Console(stderr=True)
    hidden = quiet or not console.is_terminal  # a line that goes again leaves none in a file
    with Progress(*columns, console=console, disable=hidden, transient=True) as progress:
        task = progress.add_task("Sending ", total=total_bytes, note="")

        def show(preview: StylePreview) -> None:
            waits = preview.state is PreviewState.QUEUED
            note = "waiting for a worker" if waits else f"{len(preview.pictures)} pictures"
            whole = 1 if preview.state.terminal else None  # a bar that moves until all are there
            progress.update(task, description="Painting", total=whole, completed=1, note=note)

        yield lambda count: progress.advance(task, count), show


@contextmanager
def painting(*, quiet: bool) -> Generator[Callable[[Job], None]]:
    """Show the progress of an album; yields a function that takes the job at each look."""
    columns = (
        TextColumn("Painting"),
        BarColumn(),
        TextColumn("{task.fields[done]}"),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        task = progress.add_task("", total=None, done="", note="waiting for a worker")

        def show(job: Job) -> None:
            counts = job.counts
            progress.update(
                task,
                total=counts.total,
                completed=counts.done + counts.failed,  # the bar is full when all are worked
                done=f"{counts.done}/{counts.total}",
                note=note(job),
            )

        yield show


class _TwoLines(Progress):
    """A bar, and under it a line of text, cut to the width of the terminal."""

    line: str = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield the bar and the line."""
        yield from super().get_renderables()
        yield Text(self.line, no_wrap=True, overflow="ellipsis")


@contextmanager
def learning(*, quiet: bool) -> Generator[tuple[Callable[[Job], None], Callable[[str], None]]]:
    """Show the progress of a training; yields functions that take the job, and a line to print."""
    columns = (TextColumn("{task.fields[stage]}"), BarColumn(), MofNCompleteColumn())
    with _TwoLines(*columns, console=Console(stderr=True), disable=quiet) as progress:
        task = progress.add_task("", total=None, stage="Learning")

        def show(job: Job) -> None:
            waits = job.state is JobState.QUEUED
            words = "waiting for a trainer" if waits else note(job)
            progress.line = ", ".join([*measured(job.training), words])
            if (now := job.training) is not None:
                stage = f"Stage {now.stage} of 0–{now.stages - 1}, ratio {now.ratio:g}"
                progress.update(task, total=now.iterations, completed=now.iteration, stage=stage)

        def say(line: str) -> None:
            if not quiet:
                progress.console.print(Text(line), soft_wrap=True)

        yield show, say


def measured(training: Training | None) -> list[str]:
    """Return the measurements of a training in a few words each; none before the first."""
    if training is None:
        return []
    values = (
        (training.images_per_second, "{:.1f} images/s"),
        (training.content, "content {:.3f}"),
        (training.style, "style {:.3f}"),
    )
    return [words.format(value) for value, words in values if value is not None]


def note(job: Job) -> str:
    """Return the state of a job in a few words, the photos that failed, and what is left."""
    failed = f", {job.counts.failed} failed" if job.counts.failed and job.kind != "train" else ""
    return f"{job.state}{failed}{_left(job)}"


def _left(job: Job) -> str:
    """Say how long a job will take; near its end, what it still has to do.

    A rate says nothing about the last photo, which may be large, nor about what comes after the
    last iteration: "0 s left" would stand there for a minute.
    """
    if job.state is not JobState.RUNNING:
        return ""
    now = job.training
    if now is not None and now.iteration >= now.iterations:
        return ", publishing the last stage"
    if job.eta_seconds is None:
        return ""
    if job.eta_seconds >= SHORTEST_SECONDS:
        return f", {duration(job.eta_seconds)} left"
    if now is not None:
        return ", the last iterations"
    photos = job.counts.total - job.counts.done - job.counts.failed
    return ", 1 photo left" if photos == 1 else f", {photos} photos left"


def duration(seconds: float) -> str:
    """Write a time span for people: 42 s, 3 min 20 s, 2 h 5 min."""
    minutes, rest = divmod(max(round(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
