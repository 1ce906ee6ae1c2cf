"""Progress bars, on stderr so that what a command answers can be piped."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TransferSpeedColumn,
)

from api.schemas import Job


@contextmanager
def sending(total_bytes: int, *, quiet: bool) -> Generator[Callable[[int], None]]:
    """Show the album on its way to the service; yields what is told the bytes that went."""
    columns = (TextColumn("Sending "), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        task = progress.add_task("", total=total_bytes)
        yield lambda count: progress.advance(task, count)


@contextmanager
def painting(*, quiet: bool) -> Generator[Callable[[Job], None]]:
    """Show how far a job is; yields what is told the job, again and again."""
    columns = (
        TextColumn("Painting"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        task = progress.add_task("", total=None, note="waiting for a worker")

        def show(job: Job) -> None:
            worked = job.counts.done + job.counts.failed
            progress.update(task, total=job.counts.total, completed=worked, note=note(job))

        yield show


def note(job: Job) -> str:
    """Say in a few words what a job is doing, and for how much longer."""
    failed = f", {job.counts.failed} failed" if job.counts.failed else ""
    if job.state.terminal or job.eta_seconds is None:
        return f"{job.state}{failed}"
    return f"{job.state}{failed}, {duration(job.eta_seconds)} left"


def duration(seconds: float) -> str:
    """Write a time span for people: 42 s, 3 min 20 s, 2 h 5 min."""
    minutes, rest = divmod(max(round(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
