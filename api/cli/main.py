"""The command line: `impasto`."""

import sys
from io import TextIOWrapper
from pathlib import Path

import typer

from api.cli.album import parse_blend, send
from api.cli.formats import formats
from api.cli.options import (
    Adaptive,
    AsJson,
    Blend,
    CorpusName,
    DataFolder,
    JobId,
    JobLimit,
    Licence,
    LossNetworkName,
    Metadata,
    NewStyleName,
    Out,
    Overwrite,
    PaintingFile,
    PaintingsFolder,
    Photos,
    Port,
    Previews,
    ProfileName,
    Repair,
    ResultFormat,
    ScheduleText,
    Seed,
    Strength,
    StrokeSize,
    StyleName,
    Title,
    Url,
    WatchIt,
)
from api.cli.photos import check_out, collect_photos
from api.cli.plugins import PluginGroup
from api.cli.result_folder import ResultFolder
from api.cli.service import ask_limits, connect, fail
from api.cli.styles.commands import Seen
from api.cli.styles.commands import app as styles_app
from api.cli.tables import print_json, show_jobs
from api.cli.training import note_ignored_settings, submit_training
from api.cli.watch import see_album, see_training
from impasto_client import Client, Job, TrainingOptions, to_json
from infra.errors import ImpastoError
from infra.settings import load_settings
from infra.stack import run_foreground

app = typer.Typer(
    name="impasto",
    cls=PluginGroup,
    help="Photo albums, painted in a style; styles, learnt from a painting.",
    epilog="Begin with `impasto up`; then, in another terminal, with `impasto styles`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(formats)


app.add_typer(styles_app, name="styles")


@app.command()
def up(
    port: Port = None,
    data: DataFolder = None,
) -> None:
    """Start everything on this machine, until Ctrl-C.

    Redis, S3, the API and a worker run over one data folder; the next start continues where this
    one stopped.
    """
    options = {"port": port, "data": data}
    chosen = {name: value for name, value in options.items() if value is not None}
    try:
        run_foreground(load_settings(**chosen))
    except (ImpastoError, OSError) as error:
        fail(str(error))


@app.command()
def stylize(
    photos: Photos,
    style: StyleName,
    out: PaintingsFolder = Path("paintings"),
    strength: Strength = 1.0,
    blend: Blend = None,
    stroke: StrokeSize = "native",
    metadata: Metadata = "keep-safe",
    format: ResultFormat = "auto",
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Paint photos in a style.

    \b
    impasto stylize beach.jpg forest.png --style water-lilies
    impasto stylize holiday/ --style water-lilies --strength 0.6 --out holiday-painted
    impasto stylize beach.jpg --style water-lilies --blend great-wave:0.3

    Every photo comes back in its own size, format, name and sub-folder, with its file's time.
    Hidden files are passed over, and what NAS boxes and file managers leave beside photos; what
    can be no photo is not sent. The exit code is 0 when all photos are painted, 1 when some failed
    or could not be read or sent (the others are there), 2 when nothing could be done.
    """
    with connect(url) as client:
        album = collect_photos(photos, limits=ask_limits(client), out=out)
        check_out(out, album.photos)
        job, sent = send(
            client,
            album,
            style=style,
            strength=strength,
            blend=parse_blend(blend) if blend is not None else None,
            stroke=stroke,
            metadata=metadata,
            format=format,
            quiet=as_json,
        )
        results = ResultFolder(client, out, overwrite=overwrite, sources=sent)
        see_album(client, job.id, results, as_json=as_json, left_out=album.left_out)


@app.command()
def train(
    painting: PaintingFile,
    name: NewStyleName = None,
    title: Title = None,
    licence: Licence = None,
    profile: ProfileName = None,
    schedule: ScheduleText = None,
    adaptive: Adaptive = False,
    corpus: CorpusName = None,
    loss_network: LossNetworkName = None,
    seed: Seed = None,
    preview: Previews = None,
    visibility: Seen = None,
    watch: WatchIt = True,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Learn a style from a painting, on your photos or on those that come with Impasto.

    \b
    impasto train starry-night.jpg
    impasto train starry-night.jpg --name night --profile quick --preview me.jpg

    Each stage is stronger than the one before, and can be used as soon as it is published.
    The exit code is 0 when the training succeeded, 1 when it failed, 2 when nothing could be done.
    """
    options = TrainingOptions(
        title=title,
        licence=licence,
        profile=profile,
        schedule=schedule,
        adaptive=adaptive,
        corpus=corpus,
        loss_network=loss_network,
        seed=seed,
        visibility=visibility,
    )
    with connect(url) as client:
        note_ignored_settings(load_settings())
        shown = preview or ()
        job = submit_training(client, painting, name, shown, quiet=as_json, **options)
        if watch:
            see_training(client, job.id, None, as_json=as_json)
        else:
            _show_job(job, as_json=as_json, hint=f"Watch it with: impasto watch {job.id}")


@app.command()
def watch(
    job: JobId,
    out: Out = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Watch a job to its end; with --out, fetch its results too.

    Of a training the results are its contact sheet, charts and history. The exit code is 0 when
    every photo is painted or the style is learnt, 1 when some or all are not, 2 when the job
    cannot be watched.
    """
    with connect(url) as client:
        if out is not None:
            check_out(out)
        found = client.job(job)
        if found.kind == "train":
            see_training(client, found.id, out, as_json=as_json, overwrite=overwrite)
        else:
            results = _results(client, out, overwrite=overwrite)
            see_album(client, found.id, results, as_json=as_json)


@app.command()
def jobs(
    limit: JobLimit = 20,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List the newest jobs."""
    with connect(url) as client:
        found = client.jobs(limit)
        if as_json:
            print_json([to_json(job) for job in found])
        elif found:
            show_jobs(found)
        else:
            typer.echo("There are no jobs yet.")


@app.command()
def cancel(job: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Stop a job; results that are there stay."""
    with connect(url) as client:
        _show_job(client.cancel(job), as_json=as_json)


@app.command()
def retry(
    job: JobId,
    out: Out = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Work the failed photos of an album again, and watch that to its end.

    They become a job of their own; the old one stays as it is. Exit codes are those of `watch`.
    """
    with connect(url) as client:
        if out is not None:
            check_out(out)
        again = client.retry(job)
        results = _results(client, out, overwrite=overwrite)
        see_album(client, again.id, results, as_json=as_json)


@app.command()
def doctor(
    repair: Repair = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Look over Redis, S3, workers and jobs, and say what is wrong and what to do.

    It reads the same environment as the service does, or finds the stack of `impasto up`, by its
    address or data folder. The exit code is 0 when all is well, 1 when something is wrong, 2 when
    it cannot look.
    """
    from api.cli.doctor import run_doctor  # boto3 and Celery: slow to import, and only needed here

    run_doctor(repair=repair, as_json=as_json, url=url)


def _results(client: Client, out: Path | None, *, overwrite: bool) -> ResultFolder | None:
    return None if out is None else ResultFolder(client, out, overwrite=overwrite)


def _show_job(job: Job, *, as_json: bool, hint: str | None = None) -> None:
    """Print one job as it is now, and for people a hint under it."""
    if as_json:
        print_json(to_json(job))
        return
    show_jobs([job])
    if hint is not None:
        typer.echo(hint)


def main() -> None:
    """Run the command line; what a stream's encoding lacks is written escaped.

    Names of files need not be UTF-8, and the answer comes when all is painted.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app()
