"""One training through the service: send the painting, announce stages as they come."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Unpack

from api.cli.progress import duration, learning, sending
from api.cli.result_folder import tell_renamed
from api.cli.service import UsageError
from impasto_client import Client, ClientError, Job, StageDetail, Training, TrainingOptions
from infra.settings import Settings

#: Styles that are asked how long they were trained.
LOOKED_AT = 5


def note_ignored_settings(settings: Settings) -> None:
    """Say of a setting that only trainers read that it does nothing here."""
    if settings.loss_weights is not None:
        sys.stderr.write(
            "impasto: IMPASTO_LOSS_WEIGHTS does nothing here: a trainer reads it where it is "
            "started, by `impasto up` for one.\n"
        )


def submit_training(
    client: Client,
    painting: Path,
    style: str,
    previews: Sequence[Path],
    *,
    quiet: bool,
    **options: Unpack[TrainingOptions],
) -> Job:
    """Send a painting to be trained on, and say about how long that takes.

    Raises UsageError for unreadable files, and ClientError.
    """
    files = [painting, *previews]
    for path in files:
        if not path.is_file() or not os.access(path, os.R_OK):
            raise UsageError(f"{path} is no file that can be read.")
    total = sum(path.stat().st_size for path in files)
    with sending(total, quiet=quiet) as sent:
        job = client.submit_training(painting, style=style, previews=previews, sent=sent, **options)
    if job.training is not None and not quiet:
        sys.stderr.write(f"{forecast(client, job.training)}\n")
    return job


def forecast(client: Client, training: Training) -> str:
    """Say how many iterations a training has, and about how long they take.

    Nobody has measured this one yet: it goes by the newest style that tells its own time. A base
    may spare the first stage.
    """
    stages = "1 stage" if training.stages == 1 else f"{training.stages} stages"
    size = f"At most {training.iterations:,} iterations in {stages}"
    try:
        pace = _newest_pace(client)
    except ClientError:  # the training is accepted already
        pace = None
    if pace is None:
        return f"{size}; how long they take is known after the first ones."
    style, seconds = pace
    return f"{size}: about {duration(training.iterations * seconds)} at the pace of {style}."


def _newest_pace(client: Client) -> tuple[str, float] | None:
    """Return the newest style that says how long it was trained, and its seconds an iteration."""
    newest_first = sorted(client.styles(), key=lambda style: style.published, reverse=True)
    for style in newest_first[:LOOKED_AT]:
        stages = client.stages(style.name)
        measured = [(one.seconds, one.iterations) for one in stages if one.seconds]
        if iterations := sum(count or 0 for _, count in measured):
            return style.name, sum(seconds or 0.0 for seconds, _ in measured) / iterations
    return None


def follow_training(client: Client, job_id: str, *, quiet: bool) -> Job:
    """Watch a training to its end, and announce each stage as soon as it can be used."""
    job = client.job(job_id)
    with learning(quiet=quiet) as (show, say):
        announcer = StageAnnouncer(say)
        for job in client.watch(job_id):
            show(job)
            announcer.announce(job)
    return job


class StageAnnouncer:
    """Announces each published stage and each note of a training once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._published: set[int] = set()
        self._note: str | None = None

    def announce(self, job: Job) -> None:
        """Announce the stages that can be used since the last call, and the note if it is new."""
        if job.training is None:
            return
        self._announce_note(job.training)
        for stage in job.training.published:
            if stage.stage not in self._published:
                self._published.add(stage.stage)
                self._say(
                    f"Stage {stage.stage}, ratio {stage.ratio:g}, can be used: {try_it(job.style)}"
                )

    def _announce_note(self, training: Training) -> None:
        if training.note and training.note != self._note:
            self._say(training.note)
        self._note = training.note


def try_it(style: str) -> str:
    """Return the command that paints in a style."""
    return f"impasto stylize PHOTOS --style {style}"


def published_stages(client: Client, job: Job) -> list[StageDetail]:
    """Return the stages that a training has published; none before the first."""
    if job.counts.done == 0:
        return []
    return client.patiently(lambda: client.stages(job.style))


def fetch_pictures(client: Client, job: Job, out: Path, *, overwrite: bool) -> list[Path]:
    """Fetch the contact sheet, the charts and the history of a training that are there.

    A different file that has one's name keeps it unless it is to be overwritten.
    """
    links = job.links
    addresses = (links.contact_sheet, links.losses_svg, links.losses_png, links.history)
    found: list[Path] = []
    for address in addresses:
        if address is not None:
            path = out / PurePosixPath(address).name
            try:
                found.append(client.save(address, path, overwrite=overwrite))
                if found[-1] != path:
                    tell_renamed(path, found[-1])
            except ClientError as error:
                if error.type not in ("result-missing", "style-missing"):
                    raise
    return found
