"""One training through the service: send the painting, announce stages as they come."""

import os
import re
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Unpack

from api.cli.progress import duration, learning, sending
from api.cli.result_folder import tell_renamed
from api.cli.service import UsageError
from impasto_client import Client, ClientError, Job, StageDetail, Training, TrainingOptions
from infra.settings import Settings

#: Styles that are asked how long they were trained.
LOOKED_AT = 5
#: Photos below which a corpus is called small.
SMALL_CORPUS = 300
#: Ratio of a first stage that a near-identity of the service's may stand for. The service's own
#: rule is not known here: the command line knows it over HTTP alone.
BASE_RATIO = 0.1
#: About how much longer a step of a light net takes than over SqueezeNet, by the loss network:
#: 3.7 s against 1.16 s on one AVX2 thread, and more where there is no Winograd filtering.
STEP_COSTS = {"vgg19_original": 3.2, "vgg19": 4.5, "vgg16": 3.7}


def note_ignored_settings(settings: Settings) -> None:
    """Say of a setting that only trainers read that it does nothing here."""
    if settings.loss_weights is not None:
        sys.stderr.write(
            "impasto: IMPASTO_LOSS_WEIGHTS does nothing here: a trainer reads it where it is "
            "started, by `impasto up` for one.\n"
        )


def style_name(painting: Path) -> str:
    """Return the name that a style has from its painting's file; raises UsageError for none."""
    plain = unicodedata.normalize("NFKD", painting.stem).encode("ascii", "ignore").decode()
    name = re.sub("[^a-z0-9]+", "-", plain.lower()).strip("-")[:63].rstrip("-")
    if not name:
        raise UsageError(f"{painting.name} makes no name for a style; give it one with --name.")
    return name


def submit_training(
    client: Client,
    painting: Path,
    style: str | None,
    previews: Sequence[Path],
    *,
    quiet: bool,
    **options: Unpack[TrainingOptions],
) -> Job:
    """Send a painting to be trained on; say on what it learns, and about how long that takes.

    `style` is named after the painting's file where it is None. Raises UsageError for unreadable
    files, and ClientError.
    """
    files = [painting, *previews]
    for path in files:
        if not path.is_file() or not os.access(path, os.R_OK):
            raise UsageError(f"{path} is no file that can be read.")
    name = style_name(painting) if style is None else style
    total = sum(path.stat().st_size for path in files)
    try:
        with sending(total, quiet=quiet) as sent:
            job = client.submit_training(
                painting, style=name, previews=previews, sent=sent, **options
            )
    except ClientError as error:
        if style is None and error.type == "style-exists":
            raise UsageError(f"{error} Give it another name with --name.") from error
        raise
    if job.training is not None and not quiet:
        sys.stderr.write(f"{learns_on(job.training)}\n{forecast(client, job.training)}\n")
    return job


def learns_on(training: Training) -> str:
    """Say which photos a training learns on, and what it costs that they are few."""
    photos = training.corpus_photos
    size = "" if photos is None else f", {photos:,} photo{'' if photos == 1 else 's'}"
    line = f"It learns with {training.loss_network} on the corpus {training.corpus}{size}."
    if photos is None or photos >= SMALL_CORPUS:
        return line
    return (
        f"{line} That is few, and costs style: a short trial on 104 ended at a style distance of "
        "0.49, on 464 at 0.43. More photos of your own become a corpus with `impasto corpus add "
        "NAME FOLDER`, or with job:ID for those of an album."
    )


def forecast(client: Client, training: Training) -> str:
    """Say how many iterations a training has, and about how long they take.

    Nobody has measured this one yet: it goes by the newest style that tells its own time. A base
    may spare the first stage.
    """
    stages = "1 stage" if training.stages == 1 else f"{training.stages} stages"
    spared = _spared_by_a_base(training.schedule)
    least = training.iterations - spared
    size = f"At most {training.iterations:,} iterations in {stages}"
    if spared:
        size = f"{size}, {least:,} where a base stands for the first"
    try:
        pace = _newest_pace(client, training.loss_network)
    except ClientError:  # the training is accepted already
        pace = None
    if pace is None:
        return f"{size}; how long they take is known after the first ones."
    style, seconds = pace
    longest = duration(training.iterations * seconds)
    shortest = f"{duration(least * seconds)} to " if spared else ""
    return f"{size}: about {shortest}{longest} at the pace of {style}."


def _spared_by_a_base(schedule: str) -> int:
    """Return the iterations of a first stage that a near-identity may stand for; else none."""
    first, _, later = schedule.partition(",")
    ratio, _, iterations = first.partition(":")
    return int(iterations) if later and float(ratio) <= BASE_RATIO else 0


def _newest_pace(client: Client, loss_network: str) -> tuple[str, float] | None:
    """Return the newest style that says how long it was trained, and its seconds an iteration.

    One over the same loss network goes first; another's time is reckoned over.
    """
    newest_first = sorted(client.styles(), key=lambda style: style.published, reverse=True)
    found: list[tuple[str, float]] = []
    for style in newest_first[:LOOKED_AT]:
        stages = client.stages(style.name)
        measured = [(one.seconds, one.iterations) for one in stages if one.seconds]
        if iterations := sum(count or 0 for _, count in measured):
            pace = sum(seconds or 0.0 for seconds, _ in measured) / iterations
            its = _loss_network(client.style(style.name).card) or loss_network
            if its == loss_network:
                return style.name, pace
            scale = STEP_COSTS.get(loss_network, 1.0) / STEP_COSTS.get(its, 1.0)
            found.append((f"{style.name}, reckoned for {loss_network}", pace * scale))
    return found[0] if found else None


def _loss_network(card: Mapping[str, Any]) -> str | None:
    """Return the loss network on a card; None where it tells none."""
    match card:
        case {"training": {"loss_network": str(name)}}:
            return name
        case _:
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
